"""Which file includes what it may not: the rules of layers.txt, over every #include."""
import fnmatch
import pathlib
import re

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|(<[^>]+>))')


def read_rules(page):
    """The directories with the words each may include; lists are put in the place of names."""
    lists, rules = {}, {}
    for line in pathlib.Path(page).read_text().splitlines():
        line = line.partition("#")[0]
        if not line.strip():
            continue
        name, sign, words = re.match(r"(\S+)\s*([:=])\s*(.*)", line).groups()
        found = []
        for word in words.split():
            found += lists[word] if word.startswith("@") else [word]
        if sign == "=":
            lists.setdefault(name, []).extend(found)
        else:
            rules.setdefault(name, []).extend(found)
    return rules


def is_below(path, directory):
    return path == directory or path.startswith(directory + "/")


def includes(root, file):
    """The line numbers and names of what a file includes; ours bare, others in <>."""
    for number, line in enumerate((root / file).read_text().splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found[1] or found[2]


def breach(rules, home, file, name):
    """What is wrong with including `name`, or None."""
    if name.startswith("<"):
        if file.endswith(".h") and home != file and not is_system(rules, name):
            return f"{name} in a header of ours"
        if not any(fnmatch.fnmatch(name, word) for word in rules[home]):
            return f"{name} has its home elsewhere"
    elif not any(is_below(name, word) for word in [home] + rules[home]):
        return f'{home} may not include "{name}"'
    return None


def is_system(rules, name):
    """No outside library stands in what journal, proto and config have in common."""
    common = set(rules["journal"]) & set(rules["proto"]) & set(rules["config"])
    return any(fnmatch.fnmatch(name, word) for word in common)


def breaches(root, files, page=None):
    """One line of text for every include that breaks a rule."""
    root = pathlib.Path(root)
    rules = read_rules(page or root / "tests/tidy/layers.txt")
    for file in files:
        homes = [directory for directory in rules if is_below(file, directory)]
        if not homes:
            yield f"{file}: its directory is not in layers.txt"
            continue
        home = max(homes, key=len)
        for number, name in includes(root, file):
            problem = breach(rules, home, file, name)
            if problem:
                yield f"{file}:{number}: {problem}"


def with_all_below(root, file):
    """The file and every file of ours that it includes, directly or not, sorted."""
    root, seen, waiting = pathlib.Path(root), set(), [file]
    while waiting:
        current = waiting.pop()
        if current not in seen and (root / current).is_file():
            seen.add(current)
            waiting += [name for _, name in includes(root, current) if not name.startswith("<")]
    return sorted(seen)
