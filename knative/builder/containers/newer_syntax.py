"""Write a Dockerfile with newer syntax so that buildah 1.28 (Debian 12) reads it. Pure.

| written                      | becomes                                                                       |
|------------------------------|-------------------------------------------------------------------------------|
| `RUN <<EOF`, `RUN cat <<EOF` | the exec form with the lines: shells read here-documents themselves            |
| `COPY <<EOF /etc/x`          | `COPY --from=HEREDOCS` of a file in a further build context                    |
| `COPY --link`                | without the flag, which changes only what a cache keeps                        |
| `HEALTHCHECK --start-interval` | without the flag: health checks are not used                                 |

Everything else stays as it is, and buildah names what it does not know.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from knative.builder.containers.dockerfile import Heredoc, Instruction, parse
from knative.builder.failure import BUILD_FAILED, BuildFailure

HEREDOCS = "capsule-heredocs"
"""The name of the build context with the documents that COPY and ADD take."""
SHELL = ("/bin/sh", "-c")
FLAGS = re.compile(r"((?:--\S+\s+)*)(.*)", re.DOTALL)
LINK = re.compile(r"--link(?:=\S+)?\s+", re.IGNORECASE)
START_INTERVAL = re.compile(r"--start-interval=\S+\s+", re.IGNORECASE)
END = "END_OF_SCRIPT"
VARIABLE = re.compile(r"(?<!\\)\$(?:\{[^}\n]*\}|[A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class Rewritten:
    text: str
    documents: Mapping[str, str] = field(default_factory=dict)
    """Path in the context HEREDOCS → content."""


def rewrite(text: str) -> Rewritten:
    """Return the Dockerfile in the older syntax; the same text if it has nothing newer. Raises BuildFailure(build-failed)."""
    found = list(parse(text))
    documents: dict[str, str] = {}
    shell: tuple[str, ...] = SHELL
    shells: dict[str, tuple[str, ...]] = {}
    stage = ""
    lines, is_changed = [], False
    for number, each in enumerate(found):
        if each.name == "FROM":
            base, stage = _stage(each.rest)
            shell = shells.get(base, SHELL)
        elif each.name == "SHELL":
            shell = _shell(each.rest) or shell
        shells[stage] = shell  # also of a later stage that continues this one
        line = _rewritten(each, shell, number, documents)
        is_changed |= line is not None
        lines.append(each.source if line is None else f"{line}\n")
    return Rewritten("".join(lines), documents) if is_changed else Rewritten(text)


def _rewritten(instruction: Instruction, shell: tuple[str, ...], number: int, documents: dict[str, str]) -> str | None:
    """Return the line that stands in for an instruction, None if it stays."""
    if instruction.name == "ONBUILD" and instruction.heredocs:
        inner, rest = instruction.rest.split(maxsplit=1)
        if inner.upper() == "RUN":
            return f"ONBUILD {_run(replace(instruction, rest=rest), shell)}"
        detail = f"Dockerfile: `ONBUILD {inner.upper()} {instruction.heredocs[0].word}` has its lines only in this build, not in the later one."
        raise BuildFailure(BUILD_FAILED, f"{detail} Write the file in an ONBUILD RUN instruction.")
    if instruction.name == "RUN" and instruction.heredocs:
        return _run(instruction, shell)
    if instruction.name in ("COPY", "ADD"):
        rest = LINK.sub("", instruction.rest)
        if instruction.heredocs:
            return _copy(instruction, rest, number, documents)
        return f"{instruction.name} {rest}" if rest != instruction.rest else None
    if instruction.name == "HEALTHCHECK" and START_INTERVAL.search(instruction.rest):
        return f"HEALTHCHECK {START_INTERVAL.sub('', instruction.rest)}"
    return None


def _run(instruction: Instruction, shell: tuple[str, ...]) -> str:
    match = FLAGS.fullmatch(instruction.rest)
    flags, command = (match[1], match[2].strip()) if match else ("", instruction.rest)
    first = instruction.heredocs[0]
    if command != first.word:
        bodies = "".join(f"{''.join(f'{line}{chr(10)}' for line in each.lines)}{each.name}\n" for each in instruction.heredocs)
        script = f"{command}\n{bodies}"
    elif first.text.startswith("#!"):
        script = f'script=$(mktemp) && cat > "$script" <<\'{END}\' && chmod 755 "$script" && "$script"\n{first.text}{END}\n'
    else:
        script = first.text
    return f"RUN {flags}{json.dumps([*shell, script])}"


def _copy(instruction: Instruction, rest: str, number: int, documents: dict[str, str]) -> str:
    """Raises BuildFailure for variables that would have to be expanded."""
    match = FLAGS.fullmatch(rest)
    flags, words = (match[1], match[2].split()) if match else ("", rest.split())
    sources, destination = words[:-1], words[-1]
    own = {each.word: each for each in instruction.heredocs}
    for each in own.values():
        if not each.is_quoted and (variable := VARIABLE.search(each.text)):
            line = next(line for line in each.text.split("\n") if VARIABLE.search(line)).strip()
            detail = f"Dockerfile: `{instruction.name} {each.word}` has the variable {variable[0]} in its lines ({line}), which is not expanded here."
            raise BuildFailure(BUILD_FAILED, f"{detail} Write <<'{each.name}' to copy the lines as they are, or write the file in a RUN instruction.")
        documents[f"{number}/{each.name}"] = _unescaped(each)
    copies = [f"COPY {flags}--from={HEREDOCS} {' '.join(f'{number}/{each.name}' for each in own.values())} {destination}"]
    if others := [word for word in sources if word not in own]:
        copies.insert(0, f"{instruction.name} {flags}{' '.join(others)} {destination}")
    return "\n".join(copies)


def _unescaped(heredoc: Heredoc) -> str:
    return heredoc.text if heredoc.is_quoted else re.sub(r"\\([\\$])", r"\1", heredoc.text)


def _stage(rest: str) -> tuple[str, str]:
    """Return the base and the name of a stage, in lower case: names of stages do not depend on case. "" if it has none."""
    words = [word.lower() for word in rest.split() if not word.startswith("--")]
    return words[0] if words else "", words[2] if len(words) > 2 and words[1] == "as" else ""


def _shell(rest: str) -> tuple[str, ...]:
    try:
        words = json.loads(rest)
    except ValueError:
        return ()  # buildah names it
    return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else ()
