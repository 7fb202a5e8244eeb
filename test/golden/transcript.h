/* SPDX-License-Identifier: MIT */
/*
 * Transcripts: facts in, effects and bytes out, as text.
 *
 *   # a comment
 *   play streaming               another transcript first
 *   set ping_ms 15000            one of core/settings.h;
 *   proxy http://HOST:PORT       before the first fact, like these:
 *   place http://gc.test:82      where the API is, in no known domain
 *   asks credentials             or asks token
 *   shape resume_param -         of the preset before it; "-" stands for ""
 *   subscribe v2.a v2.b          the user's wishes, each with its command; "#"
 *   unsubscribe v2.a             in "v2.#.x 1 950" stands for 1, 2, ... 950
 *   credentials ID SECRET
 *   command START                or STOP, CLOSE, HURRY, ROTATE, several at once
 *   offer ID SECRET ID SECRET    answers the last "ask credentials"; "offer
 *   grant TOKEN 3600             late ..." the one before; "offer error": none
 *   linked api                   the link asked for is up
 *   received api                 bytes, made of the lines that follow:
 *   | HTTP/1.1 200 OK              a line with its CRLF; the last one of an
 *   | Content-Length: *            answer (its body) has none; * is filled in
 *   |
 *   | {"id":"c"}
 *   permit v2.#.x 1 950            a whole answer: those are permitted
 *   frame text {"a":1}             a server's frame: text, binary, ping, pong,
 *   frame close 1001 bye           close; \xHH stands for a byte
 *   bytes \x81\x05                 as they are
 *   ended api ECONNRESET         or EOF, ECONNREFUSED
 *   wait 100                     milliseconds, or "wait deadline"
 *   pause, resume, excuse
 *   close_ms 0                   a goodbye may take so long from now on
 *   slept 60000                  the machine did, which its clock does not show
 *   hold                         what follows comes before the loop runs
 *   release                      and the loop runs
 *   react ask STOP               the user's commands, from inside the callback
 *   react AUTHENTICATING STOP    that tells it next
 *
 * Lines that begin with ">" are what the engine answers to the fact above them.
 */
#ifndef GCN_TEST_TRANSCRIPT_H
#define GCN_TEST_TRANSCRIPT_H

#include "player.h"

/* Plays DIRECTORY/NAME.txt.  The text as it should be, which is the file's own
 * if all is well; free().  Fails the test if the file can't be read. */
char* transcript_play(struct player* player, const char* directory,
                      const char* name);
/* The file's own text; free(). */
char* transcript_read(const char* directory, const char* name);

#endif
