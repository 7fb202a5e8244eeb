#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The lint's own tests: what each rule must report, and must let pass.

Prints TAP. A sample is a path and a text; the two lines that every file has to
begin with are put before it, so that line 1 of a sample is line 3 of the file.
"""

import os
import re
import subprocess
import sys
import tempfile

import lint

HEAD = '/* SPDX-License-Identifier: MIT */\n/* A sample. */\n'
LONG_BODY = 'x();\n' * 60

# (rule, path, text, lines of the sample that must be reported)
SAMPLES = [
    ('columns', 'src/base/a.c', 'int a;\n' + 'x' * 80 + '\n', []),
    ('columns', 'src/base/a.c', 'int a;\n' + 'x' * 81 + '\n', [2]),
    ('columns', 'src/base/a.c', '/* ' + 'ä' * 74 + ' */\n', []),
    ('columns', 'test/unit/a.c', '\tint a;\n', [1]),
    ('columns', 'test/unit/a.c', 'int a; \n', [1]),

    ('file-length', 'src/base/a.c', '\n' * 598, []),
    ('file-length', 'src/base/a.c', '\n' * 599, [599]),

    ('function-length', 'src/base/a.c',
     'int a(void) {\n' + 'x();\n' * 58 + '}\n', []),
    ('function-length', 'src/base/a.c',
     'int a(void) {\n' + 'x();\n' * 59 + '}\n', [1]),
    ('function-length', 'src/base/a.c',
     'static int b;\n\nint\na(int x,\n  int y) {\n' + LONG_BODY + '}\n', [3]),
    ('function-length', 'src/base/a.c',
     'static const int a[] = {\n' + '1,\n' * 70 + '};\n', []),
    ('function-length', 'src/base/a.c',
     'int a(void) {\n#if X\nif (x) {\n#else\nif (y) {\n#endif\n}\n}\n'
     'int b(void) {\n' + LONG_BODY + '}\n', [9]),
    ('function-length', 'include/gcnotify.h',
     'extern "C" {\n' + 'int a(void);\n' * 70 + '}\n', []),
    ('function-length', 'src/base/a.c',
     'int a(void) {\nx("}{");\n' + 'y();\n' * 60 + '}\n', [1]),

    ('layers', 'src/base/a.c', '#include "base/a.h"\n#include <string.h>\n',
     []),
    ('layers', 'src/base/a.c', '#include "gcnotify/errno.h"\n', []),
    ('layers', 'src/base/a.c', '#include "gcnotify.h"\n', [1]),
    ('layers', 'src/base/a.c', '#include "codec/url.h"\n', [1]),
    ('layers', 'src/base/a.c', '#include <unistd.h>\n', [1]),
    ('layers', 'src/base/a.c', '#include <time.h>\n', [1]),
    ('layers', 'src/codec/a.c', '#include "core/fsm.h"\n', [1]),
    ('layers', 'src/codec/a.c', '#include "base/buf.h"\n', []),
    ('layers', 'src/dialect/a.c', '#include "codec/tls.h"\n', [1]),
    ('layers', 'src/dialect/a.c', '#include "codec/http.h"\n', []),
    ('layers', 'src/core/a.c', '#include "codec/url.h"\n', [1]),
    ('layers', 'src/core/a.c', '#include "dialect/dialect.h"\n', [1]),
    ('layers', 'src/engine/a.c', '#include "loop/link.h"\n', [1]),
    ('layers', 'src/engine/a.c', '#include "core/fsm.h"\n', []),
    ('layers', 'src/loop/a.c', '#include "client/client.h"\n', [1]),
    ('layers', 'src/loop/a.c', '#include <sys/socket.h>\n', []),
    ('layers', 'src/client/a.c', '#include "sim/service.h"\n', [1]),
    ('layers', 'src/sim/service.c', '#include "core/fsm.h"\n', [1]),
    ('layers', 'src/sim/service.c', '#include "engine/engine.h"\n', [1]),
    ('layers', 'src/sim/script.c', '#include "loop/link.h"\n', [1]),
    ('layers', 'src/sim/listen.c', '#include "engine/engine.h"\n', [1]),
    ('layers', 'src/sim/listen.c', '#include <sys/socket.h>\n', []),
    ('layers', 'src/cli/a.c', '#include "engine/engine.h"\n', [1]),
    ('layers', 'src/core/a.c', '/*\n#include "codec/url.h"\n*/\n', []),
    ('layers', 'test/unit/a.c', '#include "client/client.h"\n', []),

    ('third-party', 'src/codec/tls.c', '#include <mbedtls/ssl.h>\n', []),
    ('third-party', 'src/codec/tls-verify.c', '#include <psa/crypto.h>\n', []),
    ('third-party', 'src/codec/tlsx.c', '#include <mbedtls/ssl.h>\n', [1]),
    ('third-party', 'src/codec/http.c', '#include <mbedtls/ssl.h>\n', [1]),
    ('third-party', 'src/codec/http-guard.c', '#include <llhttp.h>\n', []),
    ('third-party', 'src/codec/ws.c', '#include "llhttp.h"\n', [1]),
    ('third-party', 'src/codec/ws.c', '#include <wslay/wslay.h>\n', []),
    ('third-party', 'src/codec/json.c', '#include <jansson.h>\n', []),
    ('third-party', 'src/engine/a.c', '#include <jansson.h>\n', [1]),
    ('third-party', 'src/loop/sqlitestore.c',
     '#include <sqlite3.h>\n#include <uv.h>\n', []),
    ('third-party', 'src/loop/filestore.c', '#include <sqlite3.h>\n', [1]),
    ('third-party', 'src/client/a.c', '#include <sqlite3.h>\n', [1]),
    ('third-party', 'src/sim/pki.c', '#include <mbedtls/pk.h>\n', []),
    ('third-party', 'src/sim/service.c', '#include <mbedtls/pk.h>\n', [1]),
    ('third-party', 'src/sim/service.c', '#include <uv.h>\n', [1]),
    ('third-party', 'src/sim/listen.c', '#include <uv.h>\n', []),
    ('third-party', 'src/sim/listen-http.c', '#include <uv.h>\n', []),
    ('third-party', 'src/engine/a.c', '#include <uv.h>\n', [1]),
    ('third-party', 'src/base/a.c', '#include "uv.h"\n', [1]),
    ('third-party', 'src/loop/a.c', '#include <uv.h>\n', []),
    ('third-party', 'src/client/a.c', '#include <mbedtls/ssl.h>\n', [1]),
    ('third-party', 'test/unit/a.c', '#include <mbedtls/ssl.h>\n', []),

    ('own-header', 'src/base/a.c',
     '#include "base/a.h"\n#include "base/b.h"\n', []),
    ('own-header', 'src/base/a.c',
     '#include <string.h>\n#include "base/a.h"\n', [2]),
    ('own-header', 'src/base/a.c', '#include "base/b.h"\n', []),

    ('ctype', 'src/base/a.c', '#include <ctype.h>\n', [1]),
    ('ctype', 'src/cli/a.c', '#include <locale.h>\n', [1]),
    ('ctype', 'src/base/a.c', '#include <string.h>\n', []),

    ('calls', 'src/cli/a.c', 'void a(void) {\n  sprintf(b, "x");\n}\n', [2]),
    ('calls', 'src/base/a.c', 'void a(void) {\n  snprintf(b, 1, "x");\n}\n',
     []),
    ('calls', 'src/base/a.c', 'int a = atoi (x);\n', [1]),
    ('calls', 'src/base/a.c', '/* strcpy(a, b) */\n"strcat(a)";\n', []),
    ('calls', 'src/base/a.c', 'gcn__rand(1);\n', []),

    ('malloc', 'src/base/a.c', 'p = malloc(1);\nfree(p);\n', [1, 2]),
    ('malloc', 'src/base/mem.c', 'p = malloc(1);\n', []),
    ('malloc', 'src/cli/a.c', 'p = malloc(1);\n', []),
    ('malloc', 'src/sim/listen.c', 'p = malloc(1);\n', []),
    ('malloc', 'src/sim/pki.c', 'p = malloc(1);\n', []),
    ('malloc', 'src/sim/service.c', 'p = malloc(1);\n', [1]),
    ('malloc', 'src/base/a.c', 'x->free(p);\nx.free(p);\ngcn__free(m, p);\n',
     []),

    ('clock', 'src/core/a.c', 't = time(NULL);\n', [1]),
    ('clock', 'src/engine/a.c', 'clock_gettime(CLOCK_REALTIME, &t);\n', [1]),
    ('clock', 'src/sim/service.c', 't = uv_now(loop);\n', [1]),
    ('clock', 'src/loop/a.c', 'clock_gettime(CLOCK_REALTIME, &t);\n', []),
    ('clock', 'src/sim/listen.c', 't = time(NULL);\n', []),
    ('clock', 'src/core/a.c', 'gcn__time(x);\nx->time(y);\n', []),

    ('host', 'src/loop/a.c', 'uv_run(loop, 0);\n', [1]),
    ('host', 'src/loop/a.c', 'uv_write(r, s, b, 1, cb);\n', [1]),
    ('host', 'src/client/a.c', 'signal(SIGPIPE, SIG_IGN);\n', [1]),
    ('host', 'src/cli/a.c', 'uv_run(loop, 0);\n', []),
    ('host', 'src/loop/a.c', 'uv_getaddrinfo(loop, r, cb, n, s, h);\n', []),

    ('words', 'src/base/a.c', '/* TODO: more */\n', [1]),
    ('words', 'test/unit/a.c', 'x(); // FIXME\n', [1]),
    ('words', 'src/base/a.c', '/* XXX */\n', [1]),
    ('words', 'src/base/a.c', 'mkstemp("a.XXXXXX");\n', []),

    ('casts', 'src/loop/a.c', 'uv_close(h, (uv_close_cb)free_it);\n', [1]),
    ('casts', 'src/loop/a.c', 'f = (void (*)(int))g;\n', [1]),
    ('casts', 'src/loop/a.c', 'typedef void (*gcn_close_cb)(int x);\n', []),
    ('casts', 'src/loop/a.c', 'void a(void (*f)(int), int b);\n', []),

    ('globals', 'src/base/a.c', 'static int count;\n', [1]),
    ('globals', 'src/base/a.c', '\nint count = 0;\n', [2]),
    ('globals', 'src/base/a.c', 'static const int a = 1;\n', []),
    ('globals', 'src/base/a.c', 'static const char* name = "x";\n', [1]),
    ('globals', 'src/base/a.c', 'static const char* const a[] = {"x"};\n',
     []),
    ('globals', 'src/base/a.c', 'static int a[] = {\n  1,\n};\n', [1]),
    ('globals', 'src/base/a.c',
     'struct a {\n  int b;\n};\nenum { C = 1 };\nextern int d;\n'
     'typedef int e;\nstatic int f(int g);\n', []),
    ('globals', 'src/base/a.c', 'static int f(int g) {\n  int h = 1;\n}\n',
     []),
    ('globals', 'src/base/a.c', 'int f(void) {\n  static int calls;\n}\n',
     [2]),
    ('globals', 'src/base/a.c',
     'int f(void) {\n  static const int a[] = {1};\n}\n', []),
    ('globals', 'src/base/a.c', 'static void (*hook)(int x);\n', [1]),
    ('globals', 'src/base/a.c', 'void f(struct a* b, void (*c)(int d)) {\n}\n',
     []),
    ('globals', 'src/base/a.c',
     '#ifdef A_MUTABLE\nstatic int a[] = {\n#else\n'
     'static const int a[] = {\n#endif\n  1,\n};\n', []),

    ('rulers', 'src/base/a.c', '/* --- reading ------------------ */\n', [1]),
    ('rulers', 'src/cli/a.h', '\n/* --- reading */\n', [2]),
    ('rulers', 'src/base/a.c', '/* reading ================= */\n', [1]),
    ('rulers', 'src/base/a.c', '/*******************\n * reading\n'
     ' *******************/\n', [1, 3]),
    ('rulers', 'src/base/a.c', '/*\n * reading\n * -------\n */\n', [3]),
    ('rulers', 'src/base/a.c', '// ---------\n', [1]),
    ('rulers', 'src/base/a.c', '/* The end -- of it. */\n', []),
    ('rulers', 'src/base/a.c', '/*\n * --ca FILE: an option.\n */\n', []),
    ('rulers', 'src/base/a.c', '/*\n *  +-----+-----+\n *  | FIN | RSV |\n'
     ' */\n', []),
    ('rulers', 'src/base/a.c', 'const char a[] =\n  "---";\n', []),
    ('rulers', 'src/base/a.c', 'x = a - ---b;\n', []),
    ('rulers', 'test/unit/a.c', '/* --- reading --- */\n', []),
]

# (whole text, reported lines) of the rule that is about the first two lines
HEADERS = [
    (HEAD, []),
    ('/* SPDX-License-Identifier: MIT */\n/*\n * What it is.\n */\n', []),
    ('/* What it is. */\n', [1]),
    ('// SPDX-License-Identifier: MIT\n/* What it is. */\n', [1]),
    ('/* SPDX-License-Identifier: MIT */\n#include <a.h>\n', [2]),
    ('', [1]),
]

EXCEPTIONS = [
    ('# nothing\n\n', True),
    ('src/base/a.c words quoted from the standard\n', True),
    ('src/base/a.c words\n', False),
    ('src/base/a.c no-such-rule because it must be\n', False),
]


def cases():
    """(name, passed, remark)"""
    for rule, path, text, want in SAMPLES:
        file = lint.File(path, HEAD + text)
        got = [line - 2 for line, _, _ in lint.check(file, [rule])]
        name = re.sub(r'\s+', ' ', text)[:40].strip().replace('#', '')
        yield f'{rule}: {path}: {name}', got == want, f'{got}, not {want}'
    for text, want in HEADERS:
        got = [line for line, _, _ in
               lint.check(lint.File('src/a.c', text), ['header'])]
        yield 'header', got == want, f'{got}, not {want} for {text!r}'
    for text, valid in EXCEPTIONS:
        try:
            lint.read_exceptions(text)
            got = True
        except ValueError:
            got = False
        yield 'exceptions', got == valid, repr(text)
    for rule in lint.RULES:
        planted = rule == 'header' or any(
            r == rule and want for r, _, _, want in SAMPLES)
        yield f'{rule} has a planted violation', planted, ''
    yield from whole_program()


def whole_program():
    """The program itself: its output, its exit status, used exceptions."""
    with tempfile.TemporaryDirectory() as root:
        os.makedirs(os.path.join(root, 'src', 'base'))
        with open(os.path.join(root, 'src', 'base', 'a.c'), 'w',
                  encoding='utf-8') as stream:
            stream.write(HEAD + '/* FIXME */\n')
        done = subprocess.run([sys.executable, lint.__file__, root],
                              stdout=subprocess.PIPE, check=False, text=True)
        yield ('a finding fails the program', done.returncode == 1 and
               'src/base/a.c:3: words: FIXME' in done.stdout, done.stdout)
        used = {('src/base/a.c', 'words'): 1}
        yield ('an exception is heeded',
               not lint.run(root, ['words'], used)[0]['words'], '')
        unused = {('src/base/b.c', 'words'): 1}
        yield ('an unused exception is a finding',
               len(lint.run(root, ['words'], unused)[0]['words']) == 2, '')


def main():
    results = list(cases())
    print(f'1..{len(results)}')
    for number, (name, passed, remark) in enumerate(results, 1):
        print(f"{'ok' if passed else 'not ok'} {number} - {name}")
        if not passed:
            print('# ' + remark.replace('\n', '\n# '))
    return 0 if all(passed for _, passed, _ in results) else 1


if __name__ == '__main__':
    sys.exit(main())
