from __future__ import annotations

import threading
import time

import pytest

from narratrace.pipeline.queues import Aborted, BoundedQueue


def test_first_in_first_out_and_batches_take_what_is_there():
    queue: BoundedQueue[int] = BoundedQueue(5)
    for item in range(5):
        queue.put(item)
    assert queue.take() == [0]
    assert queue.take(3) == [1, 2, 3]
    queue.close()
    assert queue.take(3) == [4]
    assert queue.take(3) == []
    assert queue.most == 5


def test_a_full_queue_blocks_its_producer():
    queue: BoundedQueue[int] = BoundedQueue(2)
    done: list[int] = []

    def produce() -> None:
        for item in range(6):
            queue.put(item)
            done.append(item)

    thread = threading.Thread(target=produce)
    thread.start()
    time.sleep(0.1)
    assert done == [0, 1]
    assert queue.take() == [0]
    time.sleep(0.1)
    assert done == [0, 1, 2]
    taken = [0]
    while len(taken) < 6:
        taken += queue.take()
    thread.join(5)
    assert taken == [0, 1, 2, 3, 4, 5]
    assert queue.most == 2


def test_lingering_fills_a_batch_but_not_for_ever():
    queue: BoundedQueue[int] = BoundedQueue(4)
    queue.put(0)
    threading.Timer(0.05, queue.put, [1]).start()
    begun = time.monotonic()
    assert queue.take(2, linger_s=5) == [0, 1]
    assert time.monotonic() - begun < 2
    queue.put(2)
    begun = time.monotonic()
    assert queue.take(2, linger_s=0.1) == [2]
    assert time.monotonic() - begun >= 0.1


def test_closing_ends_a_linger():
    queue: BoundedQueue[int] = BoundedQueue(4)
    queue.put(0)
    threading.Timer(0.05, queue.close).start()
    begun = time.monotonic()
    assert queue.take(4, linger_s=30) == [0]
    assert time.monotonic() - begun < 10


def test_abort_releases_producers_and_consumers():
    full: BoundedQueue[int] = BoundedQueue(1)
    full.put(0)
    empty: BoundedQueue[int] = BoundedQueue(1)
    released: list[str] = []

    def wait(name: str, action: object) -> None:
        try:
            action()  # type: ignore[operator]
        except Aborted:
            released.append(name)

    threads = [
        threading.Thread(target=wait, args=("producer", lambda: full.put(1))),
        threading.Thread(target=wait, args=("consumer", lambda: empty.take())),
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    full.abort()
    empty.abort()
    for thread in threads:
        thread.join(5)
    assert sorted(released) == ["consumer", "producer"]
    with pytest.raises(Aborted):
        full.put(2)


def test_many_producers_and_lingering_consumers_lose_nothing():
    queue: BoundedQueue[int] = BoundedQueue(3)
    taken: list[int] = []
    lock = threading.Lock()

    def produce(first: int) -> None:
        for item in range(first, first + 200):
            queue.put(item)

    def consume() -> None:
        while items := queue.take(3, linger_s=0.0005):
            with lock:
                taken.extend(items)

    producers = [threading.Thread(target=produce, args=(1000 * k,)) for k in range(3)]
    consumers = [threading.Thread(target=consume) for _ in range(3)]
    for thread in producers + consumers:
        thread.start()
    for thread in producers:
        thread.join(20)
    queue.close()
    for thread in consumers:
        thread.join(20)
    assert sorted(taken) == sorted(1000 * k + i for k in range(3) for i in range(200))
