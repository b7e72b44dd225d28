"""Files of the Hugging Face hub that are already on disk; nothing is fetched unless that was asked for."""

from __future__ import annotations

from pathlib import Path

from narratrace.errors import MissingDependency, ModelError


def hub_folder(repository: str, *, station: str, allow_download: bool) -> Path:
    """The local folder with the files of a hub repository.

    Args:
        repository: ``owner/name``.
        station: Who asks, for the message.
        allow_download: Whether to fetch what is not in the local cache.

    Raises:
        ModelError: the repository is not in the local cache and may not, or could not, be fetched.
        MissingDependency: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingDependency(
            "named models need huggingface_hub",
            station=station,
            input=repository,
            expected="pip install 'narratrace[asr,classify]'",
        ) from error
    try:
        return Path(snapshot_download(repository, local_files_only=not allow_download))
    except (OSError, ValueError) as error:  # the hub's own errors are one or the other
        raise ModelError(
            "could not be fetched" if allow_download else "is not on this machine, and downloads are off",
            station=station,
            input=repository,
            expected=f"a model in the local cache, a folder, or {station}.allow_download=true",
            cause=str(error).partition("\n")[0] if allow_download else "",
        ) from error
