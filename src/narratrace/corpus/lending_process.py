"""A process that lends models: ``python -m narratrace.corpus.lending_process FD``, started by the driver.

It loads what workers ask for, once, and answers them over a Unix-domain socket, a thread for each. It ends at
once when the driver does, however that ended.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import socket
import sys
import threading
import time
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from typing import NoReturn

from narratrace.corpus.child import resident
from narratrace.corpus.lending import Lending
from narratrace.corpus.lent import Answered, Begun, Question, Refused
from narratrace.corpus.line import Line, set_up
from narratrace.corpus.messages import Charge, Health

_TELL_EVERY_S = 1.0


class Desk:
    """Serves the workers.

    Args:
        charge: What there is to know.
        line: To the driver.
    """

    def __init__(self, charge: Charge, line: Line) -> None:
        self._charge = charge
        self._line = line
        self._lending = Lending(charge.limits, self._has_loaded)
        self._models = resident(os.getpid())
        self._has_worked = False

    def tell(self) -> NoReturn:
        """Tell the driver how things are, again and again."""
        while True:
            self._tell()
            time.sleep(_TELL_EVERY_S)

    def listen(self) -> NoReturn:
        """Let workers in."""
        with socket.socket(fileno=self._charge.listener) as listener:
            while True:
                line, _ = listener.accept()
                connection = Connection(line.detach())
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        """Answer one worker until it hangs up."""
        with contextlib.suppress(EOFError, OSError, AuthenticationError), connection:
            deliver_challenge(connection, self._charge.key)
            answer_challenge(connection, self._charge.key)
            while True:
                self._attend(connection, connection.recv_bytes())

    def _attend(self, connection: Connection, asked: bytes) -> None:
        """Reply to a pickled question; whatever is wrong with that question is its own matter."""
        try:
            question: Question = pickle.loads(asked)
        except Exception as error:
            connection.send(Refused.of(error))
            return
        with self._lending.alone() if question.alone else contextlib.nullcontext():
            if question.alone:
                connection.send(Begun())
            reply = self._reply(question)
            self._work()
            connection.send_bytes(reply)  # before anybody else can take this process down

    def _reply(self, question: Question) -> bytes:
        try:
            if not question.name:
                value = self._lending.call(question.make)
            elif question.items is None:
                value = self._lending.facts(question.name, question.make)
            else:
                value = self._lending.answer(question.name, question.make, question.items)
            return pickle.dumps(Answered(value))
        except Exception as error:
            return pickle.dumps(Refused.of(error))

    def _has_loaded(self) -> None:
        self._models = resident(os.getpid())
        self._work()

    def _work(self) -> None:
        """Say at once that this process is good for something: the next moment it may die of a recording."""
        if not self._has_worked:
            self._has_worked = True
            self._tell()

    def _tell(self) -> None:
        self._line.say(
            Health(
                late=self._lending.late,
                is_loading=self._lending.is_loading,
                models=self._models,
                has_worked=self._has_worked,
            )
        )


def main() -> None:
    """Lend models until the driver at the other end of the descriptor hangs up."""
    connection, charge, line, _ = set_up(int(sys.argv[1]))

    def leave() -> NoReturn:
        shutil.rmtree(charge.folder, ignore_errors=True)
        os._exit(0)

    def hear() -> None:
        with contextlib.suppress(EOFError, OSError):
            connection.recv()
        leave()

    line.leave = leave
    threading.Thread(target=hear, daemon=True).start()
    desk = Desk(charge, line)
    threading.Thread(target=desk.tell, daemon=True).start()
    desk.listen()


if __name__ == "__main__":
    main()
