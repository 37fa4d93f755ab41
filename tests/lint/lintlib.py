# SPDX-License-Identifier: Apache-2.0
"""What the lints share: where the tree is, how a finding is said."""
import os
import re
import sys

TOP = os.path.abspath(os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", "..")))
BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
_found = 0


def finding(path, line, text):
    global _found
    _found += 1
    print("%s:%d: %s" % (os.path.relpath(path, TOP), line, text))


def done():
    sys.exit(1 if _found else 0)


def files(*roots, ends=(".c", ".h")):
    for root in roots:
        for d, dirs, names in os.walk(os.path.join(TOP, root)):
            dirs[:] = sorted(x for x in dirs if not x.startswith((".", "build", "__")))
            for n in sorted(names):
                if n.endswith(ends):
                    yield os.path.join(d, n)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def strip_comments(text):
    """Comments and strings blanked, lines kept."""
    def blank(m):
        s = m.group(0)
        if s.startswith(("/*", "//")):
            return re.sub(r"[^\n]", " ", s)
        return s[0] + "x" * (len(s) - 2) + s[-1]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def layers():
    """LAYER -> set of layers that it may include."""
    out = {}
    for line in read(os.path.join(TOP, "src/LAYERS")).splitlines():
        line = line.split("#")[0].strip()
        if line:
            name, rest = line.split(":")
            out[name.strip()] = set(rest.split()) | {name.strip()}
    return out


def layer_of(path):
    m = re.match(r"(?:src|include/postern)/([a-z]+)/", os.path.relpath(path, TOP))
    return m.group(1) if m else None


def allowed(lines, number):
    """A rule may be broken where a comment beside the spot says why."""
    near = "\n".join(lines[max(0, number - 4):number + 1])
    return "lint:" in near
