#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the C sources against the rules of src/DESIGN.md.

usage: lint.py [--tap] [--rule NAME]... [ROOT]

Prints one `file:line: rule: message` per finding and exits with 1 if there is
one. With --tap every rule is a test case. Rules are heuristics on text: they
know this project's layout, not C. What a rule must let pass by way of
exception stands, with its reason, in exceptions.txt beside this file.
"""

import argparse
import os
import re
import sys

COLUMNS_MAX = 80
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
TREES = ('src', 'include', 'test', 'bench')

# ---- who may include whom ---------------------------------------------------

C_HEADERS = {h + '.h' for h in (
    'assert errno float inttypes limits math stdalign stdarg stdatomic '
    'stdbool stddef stdint stdio stdlib stdnoreturn string').split()}

# Our own headers that a directory of src/ may include: a directory, or one
# header of it.
OURS = {
    'base': ['base', 'gcnotify/errno.h'],
    'codec': ['base', 'codec', 'gcnotify/errno.h'],
    'dialect': ['base', 'dialect', 'codec/url.h', 'codec/json.h',
                'codec/http.h', 'codec/envelope.h', 'codec/batch.h',
                'codec/digest.h', 'codec/utf8.h', 'gcnotify/errno.h'],
    'core': ['base', 'core', 'gcnotify/errno.h'],
    'engine': ['base', 'codec', 'dialect', 'core', 'engine',
               'gcnotify/errno.h'],
    'loop': ['base', 'codec', 'dialect', 'core', 'engine', 'loop',
             'gcnotify.h', 'gcnotify'],
    'client': ['base', 'codec', 'dialect', 'core', 'engine', 'loop', 'client',
               'gcnotify.h', 'gcnotify'],
    'sim': ['base', 'codec', 'dialect', 'sim', 'gcnotify/errno.h'],
    'cli': ['base', 'codec', 'core/record-reader.h', 'core/replay.h', 'sim',
            'cli', 'gcnotify.h', 'gcnotify'],
    'node': ['base', 'cli/profile.h', 'node', 'gcnotify.h', 'gcnotify'],
}

# Directories that compute and must not reach for the system: C headers only.
PURE = ('base', 'codec', 'dialect', 'core', 'engine', 'sim')

# <header prefix>: the files that may include it, by directory and stem; a
# stem covers its parts: "tls" covers tls.c, tls.h and tls-verify.c.
THIRD_PARTY = {
    'mbedtls/': ['codec/tls', 'codec/digest', 'sim/pki', 'sim/tls',
                 'sim/listen-tls'],
    'psa/': ['codec/tls', 'codec/digest', 'sim/pki', 'sim/tls',
             'sim/listen-tls'],
    'llhttp': ['codec/http'],
    'emmintrin': ['codec/scan-sse2'], 'immintrin': ['codec/scan-avx2'],
    'wslay/': ['codec/ws'],
    'jansson': ['codec/json'],
    'sqlite3': ['loop/sqlitestore'],
    'uv.h': ['loop/', 'client/', 'cli/', 'node/', 'sim/listen'],
    'uv/': ['loop/', 'client/', 'cli/', 'node/', 'sim/listen'],
    'node_api.h': ['node/'],
    'js_native_api.h': ['node/'],
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)

# ---- banned words -----------------------------------------------------------

# (rule, names of functions, where they may be called, why)
BANNED_CALLS = [
    ('calls', 'sprintf vsprintf strcpy strcat atoi atol atof rand srand strtok '
     'gets alloca', [], 'is banned'),
    ('malloc', 'malloc calloc realloc free strdup strndup asprintf '
     'aligned_alloc posix_memalign reallocarray',
     ['base/mem.c', 'cli/', 'node/', 'sim/listen', 'sim/pki'],
     'only in base/mem.c; use gcn__alloc and its kin'),
    ('clock', 'time gettimeofday clock_gettime clock timespec_get uv_hrtime '
     'uv_now uv_update_time uv_clock_gettime uv_gettimeofday mbedtls_ms_time '
     'mbedtls_time',
     ['loop/', 'client/', 'cli/', 'node/', 'sim/listen', 'sim/pki'],
     'time is an argument here'),
    ('host', 'uv_run uv_stop uv_walk uv_default_loop uv_loop_close uv_write '
     'uv_try_write uv_signal_init uv_thread_create signal sigaction atexit '
     'exit abort setlocale setenv putenv pthread_create fork system popen '
     'sleep usleep nanosleep uv_sleep getaddrinfo gethostbyname',
     ['cli/', 'node/', 'sim/listen'],
     'the library is a guest: it does not block, write or meddle like this'),
]

WORDS = re.compile(r'\b(TODO|FIXME|XXX)\b')
CALLBACK_CAST = re.compile(
    r'\(\s*(?:const\s+)?(?:uv|gcn)_\w+_(?:cb|fn)\s*\)\s*[\w&(]')
POINTER_CAST = re.compile(
    r'\(\s*[A-Za-z_][\w \t*]*\(\s*\*\s*\)\s*\([^()]*\)\s*\)\s*[\w&(]')


class File:
    """A source file: its text, and the same text without what misleads."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split('\n')
        if self.lines and self.lines[-1] == '':
            self.lines.pop()
        self.code = blank(text)
        self.bare = blank_directives(self.code)
        # "tls-verify.c" of src/codec has place codec/tls-verify.c
        self.place = path[4:] if path.startswith('src/') else None
        self.layer = self.place.split('/')[0] if self.place else None

    def line_at(self, offset):
        return self.text.count('\n', 0, offset) + 1


def blank(text):
    """Blanks comments and the insides of literals; offsets stay."""
    token = re.compile(
        r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
        re.S)

    def spaces(match):
        found = match.group()
        if found[0] in '"\'':
            return found[0] + ' ' * (len(found) - 2) + found[0]
        return re.sub(r'[^\n]', ' ', found)
    return token.sub(spaces, text)


def blank_directives(code):
    return re.sub(r'^[ \t]*#(?:\\\n|[^\n])*',
                  lambda m: re.sub(r'[^\n]', ' ', m.group()), code,
                  flags=re.M)


def allowed(place, places):
    """Is the file one of, or in one of, `places`?"""
    for where in places:
        if where.endswith('/') and place.startswith(where):
            return True
        if place == where or re.match(re.escape(where) + r'[-.]', place):
            return True
    return False


# ---- rules: each yields (line, message) -------------------------------------

def rule_header(file):
    if not file.lines or \
            file.lines[0] != '/* SPDX-License-Identifier: MIT */':
        yield 1, 'the first line is not /* SPDX-License-Identifier: MIT */'
    elif len(file.lines) < 2 or not file.lines[1].startswith('/*'):
        yield 2, 'no comment that says what the file is'


def rule_columns(file):
    for number, line in enumerate(file.lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, f'{len(line)} columns, at most {COLUMNS_MAX}'
        if '\t' in line:
            yield number, 'tab'
        if line != line.rstrip():
            yield number, 'space at the end of the line'


def rule_file_length(file):
    if len(file.lines) > FILE_LINES_MAX:
        yield len(file.lines), \
            f'{len(file.lines)} lines, at most {FILE_LINES_MAX}'


def top_level_blocks(file):
    """(offset of the text before the brace, offset of {, offset of })."""
    bare = re.sub(r'extern\s+"[^"]*"\s*\{',
                  lambda m: re.sub(r'[^\n]', ' ', m.group()), file.bare)
    depth, begin, opened = 0, 0, 0
    for match in re.finditer(r'[{};]', bare):
        char, at = match.group(), match.start()
        if char == '{':
            if depth == 0:
                opened = at
            depth += 1
        elif char == '}':
            # A brace in the first column ends a function whatever #if did.
            in_first_column = at == 0 or bare[at - 1] == '\n'
            depth = 0 if in_first_column else max(depth - 1, 0)
            if depth == 0:
                if opened:
                    yield begin, opened, at
                begin, opened = at + 1, 0
        elif depth == 0:
            begin = at + 1


def functions(file):
    """(name, first line, last line, offset of {, offset of })."""
    for begin, opened, closed in top_level_blocks(file):
        head = file.bare[begin:opened]
        match = re.search(r'(\w+)\s*\(', head)
        if match and head.rstrip().endswith(')') and '=' not in head:
            start = begin + len(head) - len(head.lstrip())
            yield (match.group(1), file.line_at(start), file.line_at(closed),
                   opened, closed)


def rule_function_length(file):
    for name, first, last, _, _ in functions(file):
        if last - first + 1 > FUNCTION_LINES_MAX:
            yield first, (f'{name} has {last - first + 1} lines, '
                          f'at most {FUNCTION_LINES_MAX}')


def includes(file):
    for match in INCLUDE.finditer(file.text):
        if file.code[match.start():match.end()].strip():
            yield (file.line_at(match.start(1)), match.group(1),
                   match.group(2))


def is_third_party(name):
    return [p for p in THIRD_PARTY if name.startswith(p)]


def rule_layers(file):
    if file.layer not in OURS:
        return
    for line, quote, name in includes(file):
        if is_third_party(name):
            continue
        if quote == '"':
            if not any(name == ours or name.startswith(ours + '/')
                       for ours in OURS[file.layer]):
                yield line, f'{file.layer} may not include "{name}"'
        elif file.layer in PURE and name not in C_HEADERS \
                and not allowed(file.place, ['sim/listen', 'sim/pki']):
            yield line, (f'{file.layer} may include only C headers without '
                         f'clock and locale, not <{name}>')


def rule_third_party(file):
    if file.layer not in OURS:
        return
    seen = {}
    for line, _, name in includes(file):
        for prefix in is_third_party(name):
            if not allowed(file.place, THIRD_PARTY[prefix]):
                yield line, f'<{name}> may not be included here'
            if prefix not in ('uv.h', 'uv/'):
                seen.setdefault('mbedtls' if prefix in ('mbedtls/', 'psa/')
                                else prefix, line)
    if len(seen) > 1:
        yield max(seen.values()), 'headers of two third parties in one file'


def rule_own_header(file):
    """x.c includes "layer/x.h", where it has one, before all else."""
    if file.layer not in OURS or not file.path.endswith('.c'):
        return
    own = file.place[:-2] + '.h'
    names = [(line, name) for line, _, name in includes(file)]
    for index, (line, name) in enumerate(names):
        if name == own and index > 0:
            yield line, 'the own header comes first'


def rule_ctype(file):
    if file.layer not in OURS:
        return
    for line, _, name in includes(file):
        if name in ('ctype.h', 'wctype.h', 'locale.h'):
            yield line, f'<{name}> depends on the locale'


def calls_rule(rule):
    names, places, why = next(
        (n.split(), p, w) for r, n, p, w in BANNED_CALLS if r == rule)
    # Not a member (x.free, x->free), not a part of a longer name.
    pattern = re.compile(r'(?<![\w.])(?<!->)(' + '|'.join(names) + r')\s*\(')

    def check(file):
        if file.layer not in OURS or allowed(file.place, places):
            return
        for match in pattern.finditer(file.bare):
            yield file.line_at(match.start(1)), f'{match.group(1)}: {why}'
    return check


def rule_words(file):
    for match in WORDS.finditer(file.text):
        yield file.line_at(match.start()), f'{match.group()}: do it or file it'


def rule_casts(file):
    if file.layer not in OURS:
        return
    for pattern in (CALLBACK_CAST, POINTER_CAST):
        for match in pattern.finditer(file.code):
            yield file.line_at(match.start()), 'cast of a function pointer'


# "/* --- title --- */", with or without a title, or a line drawn in a comment.
RULER = re.compile(r'^\s*(?:/[/*]+|\*)?\s*([-=*#_~])\1{2,}(?!\w)|'
                   r'\s([-=*#_~])\2{2,}\s*\*/$')


def rule_rulers(file):
    if file.layer not in OURS:
        return
    code = file.code.split('\n')
    for number, line in enumerate(file.lines, 1):
        if line != code[number - 1] and RULER.search(line):
            yield number, 'a section rule inside a file means two files'


NOT_OBJECT = re.compile(
    r'^(typedef|extern|_Static_assert|static_assert|struct\s+\w+\s*$|'
    r'union\s+\w+\s*$|enum\b[^=]*$|struct\s+\w+\s*\{|union\s+\w+\s*\{)')


# A table that the tests of the tests may change: const in every real build.
MUTABLE_FOR_TESTS = re.compile(
    r'^#\s*ifdef \w+_MUTABLE$.*?^#\s*(?:else|endif)', re.M | re.S)


def is_mutable_object(statement):
    """Does a declaration (without its ;) define an object that can change?"""
    head = statement.split('=')[0].strip()
    if not head or NOT_OBJECT.match(head) or '}' in head or '{' in head:
        return False
    pointer_to_function = re.match(
        r'[^()]*\(\s*\*\s*(const\b)?[^()]*\)\s*\(', head)
    if pointer_to_function:
        return not pointer_to_function.group(1)
    if '(' in re.sub(r'__attribute__\s*\(\(.*?\)\)', '', head):
        return False
    if not re.match(r'^[A-Za-z_][\w\s*\[\]+,.-]*$', head) or \
            len(re.findall(r'\w+', head.split('[')[0])) < 2:
        return False
    tail = head.rsplit('*', 1)[-1]
    return not re.search(r'\bconst\b', tail)


def rule_globals(file):
    if file.layer not in OURS or file.layer in ('cli', 'node'):
        return
    if not file.path.endswith('.c'):
        return
    flat = list(file.bare)
    for match in MUTABLE_FOR_TESTS.finditer(file.code):
        flat[match.start():match.end()] = \
            re.sub(r'[^\n]', ' ', match.group())
    for begin, opened, closed in top_level_blocks(file):
        # A function vanishes with its head; an initialiser leaves its own.
        is_function = file.bare[begin:opened].rstrip().endswith(')')
        for at in range(begin if is_function else opened, closed + 1):
            if flat[at] != '\n':
                flat[at] = ' '
    flat = ''.join(flat)
    begin = 0
    for match in re.finditer(';', flat):
        statement = flat[begin:match.start()]
        text = statement.strip()
        if text and is_mutable_object(' '.join(text.split())):
            at = begin + statement.index(text)
            yield file.line_at(at), 'mutable global'
        begin = match.end()
    for _, _, _, opened, closed in functions(file):
        body = file.bare[opened:closed]
        for match in re.finditer(r'(?<=[;{}])\s*(static\b[^;(]*?)(?=[;=])',
                                 body):
            if is_mutable_object(' '.join(match.group(1).split())):
                yield (file.line_at(opened + match.start(1)),
                       'mutable static variable')


RULES = {
    'header': rule_header,
    'columns': rule_columns,
    'file-length': rule_file_length,
    'function-length': rule_function_length,
    'layers': rule_layers,
    'third-party': rule_third_party,
    'own-header': rule_own_header,
    'ctype': rule_ctype,
    'calls': calls_rule('calls'),
    'malloc': calls_rule('malloc'),
    'clock': calls_rule('clock'),
    'host': calls_rule('host'),
    'words': rule_words,
    'casts': rule_casts,
    'globals': rule_globals,
    'rulers': rule_rulers,
}

# ---- running ----------------------------------------------------------------


def check(file, rules=None):
    """[(line, rule, message)] for one file."""
    found = []
    for name in rules or RULES:
        found += [(line, name, text) for line, text in RULES[name](file)]
    return sorted(found)


def read_exceptions(text):
    """{(path, rule): line}; a line is: path, rule, reason of some words."""
    entries = {}
    for number, line in enumerate(text.split('\n'), 1):
        if not line.strip() or line.startswith('#'):
            continue
        parts = line.split(None, 2)
        if len(parts) < 3 or parts[1] not in RULES or len(parts[2]) < 10:
            raise ValueError(f'line {number}: want PATH RULE REASON')
        entries[parts[0], parts[1]] = number
    return entries


def sources(root):
    for tree in TREES:
        for folder, folders, names in os.walk(os.path.join(root, tree)):
            folders[:] = sorted(d for d in folders if d != 'node_modules')
            for name in sorted(names):
                if name.endswith(('.c', '.h')):
                    yield os.path.relpath(os.path.join(folder, name), root)


def run(root, rules, exceptions):
    """{rule: [message]}"""
    findings = {rule: [] for rule in rules}
    used = set()
    count = 0
    for path in sources(root):
        with open(os.path.join(root, path), encoding='utf-8') as stream:
            file = File(path.replace(os.sep, '/'), stream.read())
        count += 1
        for line, rule, text in check(file, rules):
            if (file.path, rule) in exceptions:
                used.add((file.path, rule))
            else:
                findings[rule].append(f'{file.path}:{line}: {rule}: {text}')
    for (path, rule), number in exceptions.items():
        if rule in rules and (path, rule) not in used:
            findings[rule].append(f'test/lint/exceptions.txt:{number}: '
                                  f'{rule}: not needed any more')
    return findings, count


def main(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument('--tap', action='store_true')
    parser.add_argument('--rule', action='append', choices=sorted(RULES))
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument('root', nargs='?',
                        default=os.path.dirname(os.path.dirname(here)))
    options = parser.parse_args(argv)
    with open(os.path.join(here, 'exceptions.txt'), encoding='utf-8') as text:
        exceptions = read_exceptions(text.read())
    findings, count = run(options.root, options.rule or list(RULES),
                          exceptions)
    if options.tap:
        print(f'1..{len(findings)}')
    for number, (rule, messages) in enumerate(findings.items(), 1):
        if options.tap:
            print(f"{'not ok' if messages else 'ok'} {number} - {rule}")
        for message in messages:
            print(('# ' if options.tap else '') + message)
    if not options.tap:
        total = sum(len(messages) for messages in findings.values())
        print(f'{count} files, {total} findings')
    return 1 if count == 0 or any(findings.values()) else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
