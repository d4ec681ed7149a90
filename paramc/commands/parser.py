"""How each verb is written: its arguments, by argparse."""

from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace

from paramc.commands.verbs import VERBS

TYPE_CHECKING = False  # the typing module would cost more than this one
if TYPE_CHECKING:
    from typing import NoReturn

LISTS = ("dialects", "targets", "samplers", "schedules", "passes", "codes", "features")
SCHEMAS = ("job", "plan", "report", "diagnostic")
SHELLS = ("bash", "zsh", "fish")
STAGES = ("source", "tree", "job", "plan", "artifact")
GRADES = ("exact", "inert", "close", "approximate", "dropped")  # best first, as in backends/report.py
FORMATS = ("text", "json")
_SOURCE = "an image, a text file, `-` for standard input, or the settings text itself"


class UsageError(Exception):
    """The command line cannot be understood; the argument says why."""


class Arguments(Namespace):
    """What the command line says; a verb sets the attributes of its own arguments, and the last three."""

    sources: list[str]
    source: str | None
    left: str
    right: str
    what: str
    name: str | None
    to: str | None
    output: str | None
    force: bool
    edits: list[tuple[str, str]]
    options: list[tuple[str, str]]
    at_least: str | None
    emit: str
    trace: bool
    report: bool
    dialect: str | None
    family: str | None
    strict: bool
    grammars: list[str]
    targets: list[str]
    format: str


class Parser(ArgumentParser):
    """The arguments of one verb. Raises UsageError where argparse would print and leave."""

    def __init__(self, verb: str) -> None:
        super().__init__(f"paramc {verb}", description=f"{VERBS[verb]}.", add_help=False, allow_abbrev=False)
        self.add_argument("-h", "--help", action="store_true", help="print this page")
        self.set_defaults(format="text", grammars=[], targets=[])

    def error(self, message: str) -> "NoReturn":
        """Hand over what argparse found wrong."""
        raise UsageError(message)

    @property
    def arguments(self) -> list[Action]:
        """All arguments in the order of the help page."""
        return self._actions  # argparse has no public list of them


def parser_of(verb: str) -> Parser:
    """The parser of the words behind `verb`."""
    parser = Parser(verb)
    match verb:
        case "show" | "check":
            parser.add_argument("sources", nargs="*", metavar="SRC", help=f"{_SOURCE}; standard input by default")
            _add_reading(parser)
        case "convert":
            parser.add_argument("source", nargs="?", metavar="SRC", help=f"{_SOURCE}; standard input by default")
            _add_conversion(parser)
            _add_reading(parser)
            _add_folders(parser, "targets")
        case "diff":
            parser.add_argument("left", metavar="A", help=_SOURCE)
            parser.add_argument("right", metavar="B", help=_SOURCE)
            _add_reading(parser)
        case "fields":
            parser.add_argument("source", nargs="?", metavar="SRC", help=f"{_SOURCE}; standard input by default")
            parser.add_argument("--dialect", metavar="D", default=None, help="the program whose reader is followed")
            _add_folders(parser, "grammars")
        case "explain":
            parser.add_argument("what", metavar="NAME", help="a code such as PC621, a sampler, a schedule or a feature")
        case "list":
            parser.add_argument("what", metavar="KIND", choices=LISTS, help=", ".join(LISTS))
            parser.add_argument("name", nargs="?", metavar="NAME", help="one dialect or target in detail")
            _add_folders(parser, "grammars", "targets")
        case "schema":
            about = f"{', '.join(SCHEMAS)}; job by default"
            parser.add_argument("what", nargs="?", choices=SCHEMAS, default="job", metavar="KIND", help=about)
        case _:
            parser.add_argument("what", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))
    if verb not in {"schema", "completion"}:
        about = "json: one document with result and diagnostics on standard output"
        parser.add_argument("--format", choices=FORMATS, default="text", help=about)
    return parser


def _add_conversion(parser: Parser) -> None:
    add = parser.add_argument
    add("--to", metavar="T", help="the target; `paramc list targets` prints them")
    add("-o", "--output", metavar="PATH", help="a file, or a folder to put the files in; standard output by default")
    add("--force", action="store_true", help="write over files that exist")
    about = "change a value of the job; `paramc schema job` prints the paths"
    add("--set", dest="edits", action="append", default=[], type=_assignment, metavar="PATH=VALUE", help=about)
    about = "a choice of the target; `paramc list targets T` prints them"
    add("--option", dest="options", action="append", default=[], type=_assignment, metavar="NAME=VALUE", help=about)
    add("--at-least", choices=GRADES, metavar="GRADE", help=f"refuse what is kept worse: {', '.join(GRADES)}")
    add("--emit", choices=STAGES, default="artifact", metavar="STAGE", help=f"stop after a stage: {', '.join(STAGES)}")
    add("--trace", action="store_true", help="print what every pass hands on, on standard error")
    add("--report", action="store_true", help="print the fate of every setting, on standard error")


def _add_reading(parser: Parser) -> None:
    parser.add_argument("--dialect", metavar="D", help="the program that wrote the text, instead of a guess")
    parser.add_argument("--family", metavar="F", help="the model family, instead of a guess")
    parser.add_argument("--strict", action="store_true", help="read as the program itself does, its losses included")
    _add_folders(parser, "grammars")


def _add_folders(parser: Parser, *kinds: str) -> None:
    for kind in kinds:
        about = f"a folder with further {'dialects' if kind == 'grammars' else kind}"
        parser.add_argument(f"--{kind}", action="append", default=[], metavar="DIR", help=about)


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ArgumentTypeError(f"`{text}` has no `=` between a name and a value")
    return name.strip(), value
