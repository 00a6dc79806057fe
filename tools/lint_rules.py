#!/usr/bin/python3
"""The project's own lint rules: include direction, banned calls, file heads. Prints file:line: message; exit 1 on any."""
import pathlib, re, sys

ORDER = ["app", "control", "balancer", "dns", "health", "steer", "board", "geo", "zones", "conf", "base"]
BANNED = re.compile(r"(?<![\w.>])(sprintf|vsprintf|strcpy|strcat|strtok|atoi|atol|gets|alloca|assert)\s*\(")
EXITS = re.compile(r"(?<![\w.>])(exit|_exit|abort|quick_exit)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
LINE_LIMIT = 100
FILE_LIMIT = 600  # "about 400; a longer one needs a reason": past this it must be split

found = []


def say(path, line, text):
    found.append(f"{path}:{line}: {text}")


def without_comments(text):
    """Comments and strings blanked, line structure kept."""
    blank = lambda m: re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def check(path):
    folder = path.parts[0]
    text = path.read_text()
    code = without_comments(text)
    lines = text.split("\n")
    first_include = True
    for number, line in enumerate(lines, 1):
        width = len(line.expandtabs(8))
        if width > LINE_LIMIT + 8:  # clang-format decides; it cannot break a long string or comment word
            say(path, number, f"line of {width} columns (limit {LINE_LIMIT})")
        m = INCLUDE.match(line)
        if not m:
            continue
        target = m.group(1).split("/")[0]
        if path.suffix == ".c" and first_include and path.with_suffix(".h").exists() and m.group(1) != str(path.with_suffix(".h")):
            say(path, number, f"its own header {path.with_suffix('.h')} must be included first")
        first_include = False
        if target not in ORDER:
            say(path, number, f'include "{m.group(1)}" names no folder of the project')
        elif ORDER.index(target) < ORDER.index(folder):
            say(path, number, f"{folder}/ must not include {target}/: includes point downward only ({' > '.join(ORDER)})")
    for number, line in enumerate(code.split("\n"), 1):
        m = BANNED.search(line)
        if m and not line.lstrip().startswith("#"):
            say(path, number, f"{m.group(1)}() is banned (STYLE, rule 17)")
        m = EXITS.search(line)
        if m and folder != "app":
            say(path, number, f"{m.group(1)}(): only app/ may end the process")
        if re.search(r"\btypedef\s+(struct|union|enum)\b", line):
            say(path, number, "no typedef for structs")
    if len(lines) > FILE_LIMIT:
        say(path, len(lines), f"{len(lines)} lines (limit {FILE_LIMIT}): split the file")
    if not text.lstrip().startswith(("/*", "#include")):
        say(path, 1, "file starts with neither a head comment nor its own header")


for folder in ORDER:
    for path in sorted(pathlib.Path(folder).glob("*.[ch]")):
        check(path)
print("\n".join(found) if found else "include direction, banned calls, file sizes: clean")
sys.exit(1 if found else 0)
