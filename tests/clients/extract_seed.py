"""Prints the N-th code block of a language, counted from 0, from a document in reStructuredText or Markdown.

So the tests run the snippets that users copy, without a copy of them here. `--replace OLD=NEW` (split at the first `=`)
puts a test's address in place of the document's. A block or an OLD that is not there ends with 1.
"""

import argparse
import re
import sys
import textwrap

# Both have the indentation of the opening line as `indent`, the language as `language` and the block as `code`.
BLOCK = {
    ".rst": r"^(?P<indent> *)\.\. code-block:: (?P<language>\S+)\n(?: +:\S.*\n)*\s*\n(?P<code>(?:(?P=indent) +.*\n|\s*\n)+)",
    ".md": r"^(?P<indent> *)(?P<fence>`{3,}|~{3,}) *(?P<language>\S+).*\n(?P<code>(?:.*\n)*?) *(?P=fence) *$",
}


def blocks(document, text, language):
    suffix = document[document.rindex(".") :]
    found = re.finditer(BLOCK[suffix], text + "\n", re.MULTILINE)
    return [textwrap.dedent(block["code"]).strip("\n") for block in found if block["language"] == language]


def replaced(code, replacements):
    for replacement in replacements:
        old, new = replacement.split("=", 1)
        if old not in code:
            sys.exit(f"{old!r} is not in the block")
        code = code.replace(old, new)
    return code


def main(options):
    with open(options.document, encoding="utf-8") as file:
        found = blocks(options.document, file.read(), options.language)
    if options.index >= len(found):
        sys.exit(f"{options.document} has {len(found)} blocks of {options.language}")
    print(replaced(found[options.index], options.replace))


parser = argparse.ArgumentParser(description="print a code block of a document")
parser.add_argument("document")
parser.add_argument("--language", required=True)
parser.add_argument("--index", type=int, default=0)
parser.add_argument("--replace", action="append", default=[], metavar="OLD=NEW")
main(parser.parse_args())
