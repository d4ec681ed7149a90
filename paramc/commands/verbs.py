"""The verbs and the page that names them; imports nothing, since `--help` waits for it."""

VERBS = {
    "show": "what an image or a settings text says, on one screen",
    "check": "what is wrong with it, or probably not meant; `--fix` mends it",
    "convert": "the same settings as a script, a graph, a settings text or JSON",
    "run": "the pictures that settings ask for, painted here",
    "bench": "what a picture costs here, beside plain diffusers with the same weights",
    "submit": "the pictures that settings ask for, painted by a running ComfyUI server",
    "doctor": "what a ComfyUI server has, and what it lacks for the graph of a source",
    "grid": "a sweep over settings: all pictures, a sheet and a page; or a loop for another program",
    "embed": "settings written into a picture, or taken out of it",
    "scan": "the settings of every picture in folders, as a table to search",
    "diff": "the values in which two sources differ",
    "fields": "keys and values as the program's own reader understands them",
    "prompt": "a prompt as a program reads it, or in the words of another",
    "explain": "what a code, a word of the field, a sampler or a model family means",
    "list": "dialects, targets, samplers, schedules, passes, codes, rules or features",
    "models": "model files at hand: folders scanned, files listed, one found by name or hash",
    "schema": "JSON Schema of what paramc writes as JSON",
    "completion": "a script that completes paramc's words in a shell",
}
RESUMED = frozenset({"convert", "grid", "models", "run", "scan"})  # verbs that keep what they have finished
KEPT = "interrupted: what is finished is kept, and the same command goes on from there\n"
EXITS = """\
exit codes: 0 fine, 1 errors found, 2 usage, 3 below --at-least, 4 output could not be written, 70 a bug of paramc,
            130 interrupted
"""


def overview() -> str:
    """The page of `paramc --help`."""
    verbs = "\n".join(f"  {verb:<11} {about}" for verb, about in VERBS.items())
    return f"""\
usage: paramc COMMAND ...

A compiler for image-generation settings: pasted settings in; scripts, graphs and settings texts out.

{verbs}

`paramc COMMAND --help` describes a command, `paramc --version` prints the version.
{EXITS}"""
