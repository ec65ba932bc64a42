"""The models that are served: configured, loaded, swapped, labelled, asked.

Source: tensorflow_serving/model_servers/server_core.cc and get_model_status_impl.cc, core/basic_manager.cc.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from double.flags import Flags
from double.servable import Servable, loading
from double.status import StatusError, invalid
from double.versions import Managed, Stream, wanted_paths
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.config import model_server_config_pb2

_MANAGE_SECONDS = 0.1
_STATES = get_model_status_pb2.ModelVersionStatus.State


class ServerCore:
    """Models by name.

    Args:
        flags: how to load, how often to look.
        config: the first ModelServerConfig.

    Raises:
        StatusError: the config isn't taken.
    """

    def __init__(self, flags: Flags, config: Any) -> None:
        self._flags = flags
        self._loading = loading(flags)
        self._config = model_server_config_pb2.ModelServerConfig()
        self._labels: dict[str, dict[str, int]] = {}
        self._streams: dict[str, Stream] = {}
        self._lock = threading.RLock()
        self._reloading = threading.Lock()
        self._stop = threading.Event()
        self._loaders = ThreadPoolExecutor(flags.num_load_threads) if flags.num_load_threads else None
        self._take(config)

    def start(self) -> None:
        """Loads what is there; returns when every model has an available version, which may be never.

        Raises:
            StatusError: no version of a model could be loaded.
        """
        self._look()
        with ThreadPoolExecutor(4) as pool:
            first = [(stream, *action) for stream in self._all_streams() if (action := stream.next_action())]
            list(pool.map(lambda one: self._load(one[0], one[2]), first))
        self._run(self._manage, _MANAGE_SECONDS)
        if self._flags.file_system_poll_wait_seconds > 0:
            self._run(self._look, self._flags.file_system_poll_wait_seconds)
        self._await([config.name for config in self._configs()])

    def stop(self) -> None:
        """Ends the looking and loading."""
        self._stop.set()

    def reload(self, config: Any) -> None:
        """Takes another config; returns when models that are new in it are available.

        Raises:
            StatusError: it isn't taken, as when a label is for a version that isn't available.
        """
        with self._reloading:
            before = {one.name for one in self._configs()}
            self._take(config)
            self._look()
            self._await([one.name for one in self._configs() if one.name not in before])

    @contextmanager
    def servable(self, spec: Any) -> Iterator[Servable]:
        """The version that a ModelSpec asks for, held as long as it is asked.

        Raises:
            StatusError: there is none.
        """
        with self._lock:
            found = self._found(spec)
            held = found.asked()
            held.__enter__()
        try:
            yield found
        finally:
            held.__exit__(None, None, None)

    def status(self, spec: Any) -> Any:
        """The GetModelStatusResponse for a ModelSpec: the version asked for, or all that ever were, newest first.

        Raises:
            StatusError: none ever was.
        """
        with self._lock:
            stream = self._streams.get(spec.name, Stream())
            seen = dict(stream.seen)
        if spec.HasField("version"):
            version = spec.version.value
            if version not in seen:
                raise StatusError("NOT_FOUND", f"Could not find version {version} of model {spec.name}")
            seen = {version: seen[version]}
        if not seen:
            raise StatusError("NOT_FOUND", f"Could not find any versions of model {spec.name}")
        response = get_model_status_pb2.GetModelStatusResponse()
        for version, (state, error) in sorted(seen.items(), reverse=True):
            told = response.model_version_status.add(version=version, state=_STATES.Value(state))
            told.status.error_code = error.number if error else 0
            told.status.error_message = error.message if error else ""
        return response

    def _found(self, spec: Any) -> Servable:
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        stream = self._streams.get(spec.name, Stream())
        available = stream.available()
        if choice is None:
            if not available:
                raise StatusError("NOT_FOUND", f"Servable not found for request: Latest({spec.name})")
            return available[max(available)]
        version = spec.version.value if choice == "version" else self._labelled(spec.name, spec.version_label)
        if version not in available:
            raise StatusError("NOT_FOUND", f"Servable not found for request: Specific({spec.name}, {version})")
        return available[version]

    def _labelled(self, name: str, label: str) -> int:
        version = self._labels.get(name, {}).get(label)
        if version is None:
            raise invalid(f"Unrecognized servable version label: {label}")
        return version

    def _take(self, config: Any) -> None:
        if config.WhichOneof("config") != "model_config_list":
            raise invalid("Invalid ServerModelConfig")
        _check(config.model_config_list.config)
        with self._lock:
            self._labels = self._checked_labels(config.model_config_list.config)
            self._config = config
            for name in set(self._streams) - {one.name for one in self._configs()}:
                self._streams[name].want({})

    def _checked_labels(self, configs: Any) -> dict[str, dict[str, int]]:
        labels: dict[str, dict[str, int]] = {}
        for one in configs:
            available = self._streams.get(one.name, Stream()).available()
            for label, version in one.version_labels.items():
                known = self._labels.get(one.name, {}).get(label)
                moved = known is not None and known != version
                excused = self._flags.allow_version_labels_for_unavailable_models and not moved
                if version not in available and not excused:
                    raise StatusError(
                        "FAILED_PRECONDITION",
                        f"Request to assign label to version {version} of model {one.name}, which is not currently "
                        "available for inference",
                    )
                labels.setdefault(one.name, {})[label] = version
        return labels

    def _configs(self) -> list[Any]:
        return list(self._config.model_config_list.config)

    def _all_streams(self) -> list[Stream]:
        with self._lock:
            return list(self._streams.values())

    def _look(self) -> None:
        with self._lock:
            configs = self._configs()
        try:
            wanted = {
                one.name: wanted_paths(Path(one.base_path), one.name, one.model_version_policy) for one in configs
            }
        except (StatusError, OSError) as error:
            _log(f"FileSystemStoragePathSource encountered a filesystem access error: {error}")
            return
        with self._lock:
            for name, paths in wanted.items():
                self._streams.setdefault(name, Stream()).want(paths)

    def _manage(self) -> None:
        for stream in self._all_streams():
            with self._lock:
                action = stream.next_action()
                if action is None:
                    continue
                kind, version = action
                # Marked now, so that the next look doesn't start it again.
                stream.managed[version].state = "LOADING" if kind == "load" else "UNLOADING"
                stream.seen[version] = (stream.managed[version].state, None)
            if kind == "unload":
                self._unload(stream, version)
            elif self._loaders is None:
                self._load(stream, version)
            else:
                self._loaders.submit(self._load, stream, version)

    def _load(self, stream: Stream, version: int) -> None:
        with self._lock:
            one = stream.managed[version]
            one.state = "LOADING"
            stream.seen[version] = ("LOADING", None)
        one.servable, one.error = self._loaded(one, version)
        with self._lock:
            one.state = "END" if one.servable is None else "AVAILABLE"
            stream.seen[version] = (one.state, one.error)
        if one.servable is not None:
            _log(f"Successfully loaded servable version {{path: {one.path} version: {version}}}")

    def _loaded(self, one: Managed, version: int) -> tuple[Servable | None, StatusError | None]:
        for attempt in range(self._flags.max_num_load_retries + 1):
            try:
                return Servable(version, one.path, self._loading), None
            except Exception as error:
                # Whatever is in a version's folder, the versions of others go on.
                failure = error if isinstance(error, StatusError) else StatusError("INTERNAL", str(error))
                _log(f"Loading servable: {{path: {one.path} version: {version}}} failed: {failure}")
            last = attempt == self._flags.max_num_load_retries
            if last or not one.wanted or self._stop.wait(max(0, self._flags.load_retry_interval_micros) / 1e6):
                break
        return None, failure

    def _unload(self, stream: Stream, version: int) -> None:
        servable = stream.managed[version].servable
        assert servable is not None
        servable.close()
        with self._lock:
            del stream.managed[version]
            stream.seen[version] = ("END", None)

    def _await(self, names: list[str]) -> None:
        while names and not self._stop.is_set():
            with self._lock:
                streams = {name: self._streams.get(name, Stream()) for name in names}
                names = [name for name, stream in streams.items() if not stream.available()]
                ended = [_ended(name, streams[name]) for name in names]
            if names and all(ended):
                text = "".join(f"{{{{{one}}}, }}" for one in ended)
                raise StatusError("UNKNOWN", f"{len(ended)} model(s) did not become available: {text}")
            self._stop.wait(_MANAGE_SECONDS / 2)

    def _run(self, work: Any, seconds: float) -> None:
        def loop() -> None:
            while not self._stop.wait(seconds):
                work()

        threading.Thread(target=loop, daemon=True, name=work.__name__).start()


def _ended(name: str, stream: Stream) -> str:
    if not stream.managed or any(one.state != "END" for one in stream.managed.values()):
        return ""
    version = max(stream.managed)
    return f"{{name: {name} version: {version}}} due to error: {stream.managed[version].error}"


def _check(configs: Any) -> None:
    names = [one.name for one in configs]
    for one in configs:
        if names.count(one.name) > 1:
            raise invalid(f"Illegal to list model {one.name} multiple times in config list")
        if not os.path.isabs(one.base_path):
            raise invalid(f"Expected model {one.name} to have an absolute path or URI; got base_path()={one.base_path}")
        if not one.model_platform:
            raise invalid(
                "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
                f"ModelServerConfig::model_platform, model name is {one.name}"
            )
        if one.model_platform != "tensorflow":
            raise invalid(f"Model {one.name} requests unsupported platform {one.model_platform}")


def _log(text: str) -> None:
    print(text, flush=True)
