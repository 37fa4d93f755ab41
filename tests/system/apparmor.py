# SPDX-License-Identifier: Apache-2.0
"""What a profile of AppArmor allows, and what a program under strace did: for kernels
without AppArmor.  Only what there is in the profiles of this tree and what they
include: rules for paths, and variables; not denials, links and changes of profile.  What a
program asks of a file without opening it (stat, readlink) needs no rule."""
import re
import subprocess

OPENED = re.compile(r"openat\([^,]*, \"(?:[^\"\\]|\\.)*\", ([A-Z_|]+).* = \d+<([^>]*)>$")
MAPPED = re.compile(r"mmap\(.*PROT_EXEC.*, \d+<([^>]*)>")
LOCKED = re.compile(r"(?:flock\(|fcntl\()\d+<(/[^>]*)>, (?:F_OFD_SETLK|F_SETLK|LOCK_)")
CONNECTED = re.compile(r"connect\(.*AF_UNIX, sun_path=\"(/[^\"]+)\".* = 0$")
CHANGED = re.compile(r"(?:unlink|unlinkat|mkdir|mkdirat|rmdir|chmod|fchmodat|chown|fchownat|rename|renameat2?|link|linkat)"
                     r"\((.*)\) = 0$")
NAMED = re.compile(r"(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?\"([^\"]*)\"")
STRACE = ["strace", "-f", "-y", "-qq", "-s", "4096", "-e", "trace=%file,mmap,flock,fcntl,connect"]


class Profile:
    def __init__(self, path):
        text = subprocess.run(["apparmor_parser", "--preprocess", path], capture_output=True, text=True, check=True).stdout
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        self.variables = {}
        for name, plus, values in (m.groups() for m in map(re.compile(r"@\{(\w+)\}(\+?)=(.*)").fullmatch, lines) if m):
            self.variables.setdefault(name, []).extend(v.rstrip("/") for v in values.split())
        self.variables["pid"] = self.variables["tid"] = ["[1-9]{[0-9],}{[0-9],}{[0-9],}{[0-9],}{[0-9],}{[0-9],}"]
        rule = re.compile(r'(?:owner )?"?([/@][^ "]*)"?\s+([rwaklmixpPCU]+),')
        self.rules = [(re.compile(self.pattern(m.group(1)) + r"\Z"), m.group(2)) for m in map(rule.match, lines) if m]

    def pattern(self, glob):
        glob = re.sub(r"@\{(\w+)\}", lambda m: "{%s}" % ",".join(self.variables[m.group(1)]), glob)
        if "@{" in glob:
            return self.pattern(glob)
        out, depth, i = "", 0, 0
        while i < len(glob):
            c = glob[i]
            if c == "[":
                end = glob.index("]", i)
                out += glob[i:end + 1]
                i = end
            elif glob.startswith("**", i):
                out += ".*" if i and glob[i - 1] != "/" else ".+"
                i += 1
            else:
                out += {"*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")"}.get(c, "|" if c == "," and depth else re.escape(c))
                depth += (c == "{") - (c == "}")
            i += 1
        return re.sub("/+", "/", out)

    def allows(self, path, mode):
        """Each letter of it, by whichever rules."""
        given = "".join(modes for pattern, modes in self.rules if pattern.match(path))
        return set(mode) <= set(given)


def calls(trace):
    """Its lines, those whole that another thread's have cut in two."""
    begun = {}
    for line in trace.splitlines():
        pid, _, call = line.partition(" ")
        if call.endswith(" <unfinished ...>"):
            begun[pid] = call.removesuffix(" <unfinished ...>")
        elif m := re.match(r" ?<\.\.\. \w+ resumed>(.*)", call):
            yield begun.pop(pid, "") + m.group(1)
        else:
            yield call


def used(trace):
    """(path, mode) of each path of which a call in strace's output has made use."""
    for line in calls(trace):
        if m := OPENED.search(line):
            flags = m.group(1).split("|")
            yield m.group(2), "w" if "O_WRONLY" in flags else "rw" if "O_RDWR" in flags else "r"
        elif m := MAPPED.search(line):
            yield m.group(1), "mr"
        elif m := LOCKED.search(line):
            yield m.group(1), "k"
        elif m := CONNECTED.search(line):
            yield m.group(1), "w"
        elif m := CHANGED.search(line):
            for at, name in NAMED.findall(m.group(1)):
                yield name if name.startswith("/") else at + "/" + name, "w"
