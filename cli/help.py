"""The look of `--help`: conventional usage lines (`NAME`, `[NAME]`, `NAME...`), no type beside a flag, and groups of commands in panels."""

import itertools
from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from cli.examples import EXAMPLES
from cli.failures import ExitCode, UsageError
from cli.other_words import translate, translate_argument, translate_extra_word
from cli.output import Output

if TYPE_CHECKING:
    from typer._click.core import Context, Parameter  # Typer vendors Click under a private name: for annotations only


class CapsuleCommand(TyperCommand):
    def format_help(self, ctx: "Context", formatter: Any) -> None:
        """Show the command's examples below its options."""
        if lines := EXAMPLES.get(ctx.command_path.partition(" ")[2]):
            self.epilog = "\n\n".join(("Example:" if len(lines) == 1 else "Examples:", *(escape(f"$ {line}") for line in lines)))
        super().format_help(ctx, formatter)

    def get_params(self, ctx: "Context") -> "list[Parameter]":
        return _with_plain_labels(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: "Context") -> list[str]:
        return _usage_pieces(self.options_metavar, self.get_params(ctx))

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Explain arguments of other tools."""
        if not ctx.resilient_parsing:
            own = itertools.takewhile(lambda each: each != "--" and (ctx.allow_interspersed_args or each.startswith("-")), args)
            _explain(next((text for each in own if (text := translate_argument(ctx.info_name or "", each))), None), args)
            _explain(next((text for each in self._words(ctx, args) if (text := translate_extra_word(ctx.info_name or "", each))), None), args)
        return super().parse_args(ctx, args)

    def _words(self, ctx: "Context", args: list[str]) -> list[str]:
        """Return the words that are neither options nor their values, of a command that takes none."""
        if any(isinstance(each, TyperArgument) for each in self.params):
            return []
        _, words, _ = self.make_parser(ctx).parse_args(args=[*args])
        return list(words)


GLOBAL_FLAGS = frozenset({"--json", "--quiet", "-q", "--verbose"})


class CapsuleGroup(TyperGroup):
    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Accept the global options before the command too: `capsule --json apps list`."""
        return super().parse_args(ctx, _behind_the_command(args))

    def resolve_command(self, ctx: "Context", args: list[str]) -> Any:
        """Explain commands of other tools."""
        if args and args[0] not in self.commands and not ctx.resilient_parsing:
            _explain(self.translate(ctx, args), args)
        return super().resolve_command(ctx, args)

    def translate(self, ctx: "Context", words: list[str]) -> str | None:
        return translate_argument(ctx.info_name or "", words[0])

    def get_params(self, ctx: "Context") -> "list[Parameter]":
        return _with_plain_labels(super().get_params(ctx))


class RootGroup(CapsuleGroup):
    """The commands of `capsule`, in the order of the panels that `main` defines."""

    panels: Mapping[str, Sequence[str]] = {}

    def translate(self, ctx: "Context", words: list[str]) -> str | None:
        return translate(words)

    def list_commands(self, ctx: "Context") -> list[str]:
        order = [name for names in self.panels.values() for name in names]
        return sorted(super().list_commands(ctx), key=order.index)

    def get_command(self, ctx: "Context", cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            vars(command)["rich_help_panel"] = next(panel for panel, names in self.panels.items() if cmd_name in names)
        return command


def _behind_the_command(arguments: list[str]) -> list[str]:
    """Move global options that precede the first word behind it, where the next group or the command parses them."""
    options, words = [], [*arguments]
    while words and (words[0] in GLOBAL_FLAGS or words[0].partition("=")[0] == "--api"):
        options += [words.pop(0) for _ in range(2 if words[0] == "--api" and len(words) > 1 else 1)]
    return [words[0], *options, *words[1:]] if words and not words[0].startswith("-") else arguments


def default(text: str) -> str:
    """Return the note on a default value for a help text. The bracket is escaped: Rich would read it as markup."""
    return rf"\[default: {text}]"


def _explain(sentence: str | None, arguments: list[str]) -> None:
    """Print a sentence about words of another tool and exit with 2; without a sentence do nothing."""
    if sentence is not None:
        Output("--json" in arguments).fail(UsageError(sentence))
        raise typer.Exit(ExitCode.USAGE)


def _with_plain_labels(parameters: "list[Parameter]") -> "list[Parameter]":
    """Typer shows `<bool>` beside each flag and `<str>` beside each argument."""
    for each in parameters:
        if isinstance(each, TyperOption) and each.is_flag:
            each.metavar = ""
        elif isinstance(each, TyperArgument):
            each.type = copy(each.type)  # one object serves all arguments of a type, and options
            vars(each.type)["get_metavar"] = lambda param, ctx: ""
    return parameters


def _usage_pieces(options: str | None, parameters: "list[Parameter]") -> list[str]:
    """Typer writes a required argument as `{name}`; the convention is `NAME`."""
    pieces = [options] if options else []
    for each in parameters:
        if isinstance(each, TyperArgument):
            name = each.metavar or (each.name or "").upper()
            pieces.append((name if each.required else f"[{name}]") + ("..." if each.nargs != 1 else ""))
    return pieces
