"""The store: finished steps as folders of files, and nothing else is the truth.

    .specc/
      format.json              version of the workspace's layout
      lock                     held (flock) by the run that works in this workspace
      store/ab/<key>/          a finished step: its files and manifest.json
      work/<key>/              a step that is being done: scratch, log, checkpoint to resume from
      runs/<number>/           plan.json, status.json and events.jsonl of each run; of steps that were done
                               elsewhere also numbers/, see `specc.results.numbers`
      runs/incidents.jsonl     steps that gave other bits the second time
      quarantine/              artifacts that failed their checksum
      index/                   DuckDB, rebuilt from the above at will

A step is done if and only if `store/ab/<key>/manifest.json` is there: the folder is filled under
`work/`, flushed, its manifest written last, and renamed into place once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from specc.errors import CorruptArtifact, WorkspaceError, disk_errors
from specc.files import (
    file_digest,
    remove_folder,
    rename,
    sweep_aside,
    sync_file,
    sync_folder,
    write_atomic,
    write_file,
)
from specc.finding import STUDY
from specc.steps import VERSIONS, Frozen, Step, identity

FORMAT = 1
"""Version of the workspace layout that this specc reads and writes."""

_SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n\}\Z')


class FileRecord(Frozen):
    """Size and SHA-256 of a file in an artifact."""

    bytes: int
    sha256: str


class Provenance(Frozen):
    """How a result came about; never part of a key.

    Attributes:
        versions: package -> version (specc, python, torch, transformers, numpy).
        device: for instance "cpu" or "NVIDIA H200". threads: of the worker.
        started: UTC time, ISO 8601. wall_seconds, cpu_seconds: of the whole step.
        flops: floating-point operations, by the formula in `specc.flops`.
        resumed: how often the step went on from a checkpoint of an interrupted attempt.
        computed: how a step computed: of training `implementation`, `attention`, and where they apply
            `compiled`, `lanes` (models trained together), `replicas` (processes); an evaluation:
            `batch_tokens`. Such choices change rounding at most. `earlier` has those of attempts before
            the last, if they were others, or had other `versions`.
    """

    versions: dict[str, str]
    device: str = "cpu"
    threads: int = 1
    started: str = ""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    flops: float = 0.0
    resumed: int = 0
    computed: dict[str, Any] = Field(default_factory=dict)


class Manifest(Frozen):
    """The completion record of a step; `outputs` holds the operation's numbers.

    On disk it ends in a checksum of itself, so that no changed number is ever taken for a result.

    Outputs by operation:

    * prepare: `vocab`, `eos` (token id), and for each of `train` and `held_out`: `documents`,
      `tokens`, `targets` (tokens that carry loss).
    * init, import: `parameters`, `non_embedding`, `vocab`.
    * train: those, and `steps`, `tokens` (role of a corpus -> tokens counted) and `targets` (tokens
      that carried loss) since the start of the stage, also where an earlier state of the stage gave a
      part of it; `lineage_steps` and `lineage_tokens` (since initialisation), `loss` (mean over
      the last ten training steps; null if they had no target), `tokens_per_second`; with an early stop
      also `stopped_at` (training steps), `stop_reason`, `best_at` and `best_value` (null if none was one).
    * combine: `parameters`, `non_embedding`, `vocab`, and the `lineage_steps` and `lineage_tokens` of the
      input that has seen the most tokens.
    * transform: as combine, of its input, and `changed` (weights that are not what they were) and
      `relative_change` (norm of the change over the norm of the weights).
    * select: as combine, of the chosen one, and `chosen` (its key), `label` (its arm), `value` (its
      result), and `results` (of all candidates by label; null for those that can't win).
    * eval: `metric`, `value` (null if not a number), `n`, `stderr` (null if unknown).
    """

    format: int = FORMAT
    key: str
    op: str
    version: int
    identity: dict[str, Any]
    params: dict[str, Any]
    inputs: dict[str, str]
    label: str = ""
    files: dict[str, FileRecord]
    outputs: dict[str, Any] = Field(default_factory=dict)
    provenance: Provenance


class Store:
    """Finished steps of a workspace, by key."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.root = workspace / "store"

    def path(self, key: str) -> Path:
        """Folder of a finished step."""
        return self.root / key[:2] / key

    def work(self, key: str) -> Path:
        """Scratch folder of a step that is being done."""
        return self.workspace / "work" / key

    def has(self, key: str) -> bool:
        """Whether a step is done."""
        return (self.path(key) / "manifest.json").exists()

    def done(self) -> set[str]:
        """Keys of all finished steps, from one scan of the folders."""
        return set(self.keys())

    def keys(self) -> Iterator[str]:
        if not self.root.is_dir():
            return
        with os.scandir(self.root) as fans:
            for fan in fans:
                if fan.is_dir():
                    with os.scandir(fan.path) as entries:
                        for entry in entries:
                            if os.path.exists(f"{entry.path}/manifest.json"):
                                yield entry.name

    def manifest(self, key: str) -> Manifest:
        """Read the completion record of a finished step.

        Raises:
            CorruptArtifact: if it can't be read.
        """
        path = self.path(key) / "manifest.json"
        try:
            return Manifest.model_validate_json(unsealed(path.read_bytes()))
        except (OSError, ValidationError, ValueError) as error:
            raise CorruptArtifact(key, f"the manifest of step {key[:12]} can't be read") from error

    def verify(self, key: str) -> Manifest:
        """Compare every file of a step with its manifest.

        Raises:
            CorruptArtifact: naming the first file that is missing or differs.
        """
        manifest = self.manifest(key)
        folder = self.path(key)
        for name, record in manifest.files.items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != record.bytes:
                raise CorruptArtifact(key, f"`{name}` of step {key[:12]} is missing or cut off")
            if file_digest(path) != record.sha256:
                raise CorruptArtifact(key, f"`{name}` of step {key[:12]} differs from its checksum")
        return manifest

    def publish(self, step: Step, folder: Path, outputs: dict[str, Any], provenance: Provenance) -> Manifest:
        """Move a filled folder into the store; the first to publish a key wins.

        A later result with other bits is an incident (`specc.incidents`), and is dropped.

        Args:
            folder: holds the artifact's files, on the same file system as the store.
        Raises:
            DiskFull, WorkspaceError: nothing is published then.
        """
        params, _ = step.parsed()
        with disk_errors(self.workspace):
            files = {}
            for path in sorted(folder.iterdir()):
                sync_file(path)
                files[path.name] = FileRecord(bytes=path.stat().st_size, sha256=file_digest(path))
            manifest = Manifest(
                key=step.key,
                op=step.op,
                version=VERSIONS[step.op],
                identity=identity(params),
                params=step.params,
                inputs=step.inputs,
                label=step.label,
                files=files,
                outputs=outputs,
                provenance=provenance,
            )
            write_atomic(folder / "manifest.json", sealed(manifest.model_dump_json(indent=1)))
            target = self.path(step.key)
            target.parent.mkdir(parents=True, exist_ok=True)
            sync_folder(self.root)
            if target.exists() and not self.has(step.key):
                self.quarantine(step.key)  # a folder that lost its manifest is no finished step
            try:
                rename(folder, target)
            except OSError:
                if not self.has(step.key):
                    raise
                kept = self.manifest(step.key)
                self._note_other_bits(kept, folder, manifest)
                remove_folder(folder)
                return kept
            sync_folder(target.parent)
        return manifest

    def _note_other_bits(self, kept: Manifest, folder: Path, late: Manifest) -> None:
        """Record an incident if a result that came too late is another than the one that is there."""
        from specc.incidents import record_incident
        from specc.verify.compare import as_incident, compare

        try:
            self.verify(kept.key)
        except CorruptArtifact:
            return  # what is there is damaged, and says nothing about how the step comes out
        place = self.path(kept.key)
        differences = compare(place, kept, folder, late)
        if differences:
            record_incident(self.workspace, as_incident("publish", differences, place, kept, folder, late))

    def reclaim(self) -> None:
        """Remove the scratch folders of finished steps: a worker may have been killed before it did.

        Only the holder of the workspace's lock may call this.
        """
        work = self.workspace / "work"
        for folder in list(work.iterdir()) if work.is_dir() else []:
            if self.has(folder.name):
                with suppress(OSError):  # it is in nobody's way
                    remove_folder(folder)

    def quarantine(self, key: str) -> None:
        """Set a damaged artifact aside, so that its step counts as not done."""
        aside = self.workspace / "quarantine"
        aside.mkdir(exist_ok=True)
        number = 0
        while (target := aside / f"{key}.{number}").exists():
            number += 1
        rename(self.path(key), target)


def sealed(text: str) -> str:
    """A JSON object, a member a line, with the SHA-256 of all that is before it as its last member."""
    content = text.removesuffix("\n}")
    digest = hashlib.sha256(content.encode()).hexdigest()
    return f'{content},\n "sha256": "{digest}"\n}}'


def unsealed(data: bytes) -> bytes:
    """The JSON object that was sealed; one without a seal, of an earlier specc, as it is.

    Raises:
        ValueError: if it is not what the seal says.
    """
    match = _SEAL.search(data)
    if match is None:
        return data
    content = data[: match.start()]
    if hashlib.sha256(content).hexdigest().encode() != match[1]:
        raise ValueError("the checksum differs")
    return content + b"\n}"


def open_workspace(path: Path, create: bool = False, write: bool = False) -> Path:
    """Check a workspace's format, and lay it out if asked to; of an exported study, make one to read.

    Args:
        create: whether to lay it out if it isn't there. write: whether something is to be changed in it.
    Returns:
        the workspace, which is another folder than the exported study's.

    Raises:
        WorkspaceError: if it is of a newer specc, damaged, missing, no folder, or can't be written.
    """
    marker = path / "format.json"
    if (path / STUDY).is_file() and not marker.exists():
        from specc.exchange.opening import open_exported, refuse_to_write

        if create or write:
            raise refuse_to_write(path)
        return open_exported(path)
    if (create or write) and (path / "exported.json").exists():
        from specc.exchange.opening import refuse_to_write

        raise refuse_to_write(path)
    if marker.exists():
        try:
            version = int(json.loads(marker.read_text())["version"])
        except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise WorkspaceError(
                f"{marker} can't be read as a workspace's format",
                "if this folder is no workspace, name another with `--workspace`",
            ) from error
        if version > FORMAT:
            raise WorkspaceError(
                f"the workspace {path} has format {version}; this specc knows up to {FORMAT}",
                "upgrade specc, or name another workspace with `--workspace`",
            )
        return path
    if not create:
        raise WorkspaceError(
            f"there is no workspace at {path}",
            "run a recipe first (`specc run FILE`), or name a workspace with `--workspace`",
        )
    with disk_errors(path):
        try:
            for name in ("store", "work", "runs", "index"):
                (path / name).mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise WorkspaceError(
                f"{error.filename} can't be a folder of the workspace: a file is in the way",
                "name another folder with `--workspace`",
            ) from error
        if not (path / ".gitignore").exists():  # a folder that was there before may have its own
            write_file(path / ".gitignore", "*\n")
        sweep_aside(path)
        write_atomic(marker, json.dumps({"version": FORMAT}) + "\n")
    return path
