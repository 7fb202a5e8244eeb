/* SPDX-License-Identifier: MIT */
/*
 * Family 11: answers to the upgrade.  RFC 6455 §4.1, §4.2.2; RFC 9110 §7.8.
 *
 * "%s" stands for the Accept that the client's key calls for, "%c" for all of
 * it but the last character.
 */
#include "conformance.h"

#include "base/err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define LINE    "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECT "Connection: Upgrade\r\n"
#define ACCEPT  "Sec-WebSocket-Accept: %s\r\n"
#define END     "\r\n"

struct upgrade {
  const char* name;
  const char* head;
  int error; /* 0: it is accepted */
};

static const struct upgrade good[] = {
    {"as RFC 6455 has it", LINE UPGRADE CONNECT ACCEPT END, 0},
    {"in another order", LINE ACCEPT CONNECT UPGRADE END, 0},
    {"no words behind the status",
     "HTTP/1.1 101 \r\n" UPGRADE CONNECT ACCEPT END, 0},
    {"other words behind the status",
     "HTTP/1.1 101 Web Socket Protocol Handshake\r\n" UPGRADE CONNECT ACCEPT
         END,
     0},
    {"names in capitals",
     LINE "UPGRADE: websocket\r\nCONNECTION: Upgrade\r\n"
          "SEC-WEBSOCKET-ACCEPT: %s\r\n" END,
     0},
    {"names in small letters",
     LINE "upgrade: websocket\r\nconnection: Upgrade\r\n"
          "sec-websocket-accept: %s\r\n" END,
     0},
    {"values in other letters",
     LINE "Upgrade: WebSocket\r\nConnection: upgrade\r\n" ACCEPT END, 0},
    {"values in capitals",
     LINE "Upgrade: WEBSOCKET\r\nConnection: UPGRADE\r\n" ACCEPT END, 0},
    {"no space behind the colons",
     LINE "Upgrade:websocket\r\nConnection:Upgrade\r\n"
          "Sec-WebSocket-Accept:%s\r\n" END,
     0},
    {"spaces and tabs around the values",
     LINE "Upgrade: \t websocket \r\nConnection:\tUpgrade\t\r\n"
          "Sec-WebSocket-Accept:   %s  \r\n" END,
     0},
    {"Connection is a list",
     LINE UPGRADE "Connection: keep-alive, Upgrade\r\n" ACCEPT END, 0},
    {"Connection is a list the other way round",
     LINE UPGRADE "Connection: upgrade,keep-alive\r\n" ACCEPT END, 0},
    {"other headers as well",
     LINE "Server: x\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n" UPGRADE CONNECT
         ACCEPT "Set-Cookie: a=b\r\nStrict-Transport-Security: a\r\n" END,
     0},
    {"behind a 100",
     "HTTP/1.1 100 Continue\r\n\r\n" LINE UPGRADE CONNECT ACCEPT END, 0},
    {"behind a 103",
     "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" LINE UPGRADE CONNECT ACCEPT
         END,
     0},
    {"Connection in two lines",
     LINE UPGRADE "Connection: keep-alive\r\n" CONNECT ACCEPT END, 0},
    {"Connection in two lines the other way round",
     LINE CONNECT UPGRADE ACCEPT "Connection: keep-alive\r\n" END, 0},
};

static const struct upgrade bad[] = {
    {"no Accept", LINE UPGRADE CONNECT END, GCN_EWS},
    {"an empty Accept", LINE UPGRADE CONNECT "Sec-WebSocket-Accept:\r\n" END,
     GCN_EWS},
    {"a wrong Accept",
     LINE UPGRADE CONNECT
     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" END,
     GCN_EWS},
    {"an Accept that is cut",
     LINE UPGRADE CONNECT "Sec-WebSocket-Accept: %c\r\n" END, GCN_EWS},
    {"an Accept with more behind it",
     LINE UPGRADE CONNECT "Sec-WebSocket-Accept: %s=\r\n" END, GCN_EWS},
    {"the Accept in quotes",
     LINE UPGRADE CONNECT "Sec-WebSocket-Accept: \"%s\"\r\n" END, GCN_EWS},
    {"Accept twice",
     LINE UPGRADE CONNECT ACCEPT "Sec-WebSocket-Accept: x\r\n" END, GCN_EWS},
    {"a wrong Accept, then the right one",
     LINE UPGRADE CONNECT "Sec-WebSocket-Accept: x\r\n" ACCEPT END, GCN_EWS},
    {"a list of Accepts",
     LINE UPGRADE CONNECT "Sec-WebSocket-Accept: %s, x\r\n" END, GCN_EWS},
    {"no Upgrade", LINE CONNECT ACCEPT END, GCN_EWS},
    {"an empty Upgrade", LINE "Upgrade:\r\n" CONNECT ACCEPT END, GCN_EWS},
    {"another Upgrade", LINE "Upgrade: h2c\r\n" CONNECT ACCEPT END, GCN_EWS},
    {"Upgrade with a version",
     LINE "Upgrade: websocket/13\r\n" CONNECT ACCEPT END, GCN_EWS},
    {"Upgrade is a list", LINE "Upgrade: websocket, h2c\r\n" CONNECT ACCEPT END,
     GCN_EWS},
    {"Upgrade is a longer word",
     LINE "Upgrade: websockets\r\n" CONNECT ACCEPT END, GCN_EWS},
    {"Upgrade twice", LINE UPGRADE UPGRADE CONNECT ACCEPT END, GCN_EWS},
    {"no Connection", LINE UPGRADE ACCEPT END, GCN_EWS},
    {"an empty Connection", LINE UPGRADE "Connection:\r\n" ACCEPT END, GCN_EWS},
    {"another Connection", LINE UPGRADE "Connection: keep-alive\r\n" ACCEPT END,
     GCN_EWS},
    {"Connection is a longer word",
     LINE UPGRADE "Connection: Upgraded\r\n" ACCEPT END, GCN_EWS},
    {"Connection is closed", LINE UPGRADE "Connection: close\r\n" ACCEPT END,
     GCN_EWS},
    {"Connection twice", LINE UPGRADE CONNECT CONNECT ACCEPT END, GCN_EWS},
    {"an extension that was not offered",
     LINE UPGRADE CONNECT ACCEPT
     "Sec-WebSocket-Extensions: permessage-deflate\r\n" END,
     GCN_EWS},
    {"an extension with a window of bits",
     LINE UPGRADE CONNECT ACCEPT
     "Sec-WebSocket-Extensions: permessage-deflate; "
     "server_max_window_bits=99\r\n" END,
     GCN_EWS},
    {"an extension of no known name",
     LINE UPGRADE CONNECT ACCEPT "Sec-WebSocket-Extensions: x\r\n" END,
     GCN_EWS},
    {"a sub-protocol that was not offered",
     LINE UPGRADE CONNECT ACCEPT "Sec-WebSocket-Protocol: chat\r\n" END,
     GCN_EWS},
    {"HTTP/2.0",
     "HTTP/2.0 101 Switching Protocols\r\n" UPGRADE CONNECT ACCEPT END,
     GCN_EHTTP},
    {"a folded header", LINE UPGRADE "Connection:\r\n Upgrade\r\n" ACCEPT END,
     GCN_EHTTP},
    {"a space before a colon",
     LINE "Upgrade : websocket\r\n" CONNECT ACCEPT END, GCN_EHTTP},
    {"a control byte in a value",
     LINE "X: a\x01z\r\n" UPGRADE CONNECT ACCEPT END, GCN_EHTTP},
    {"bare line feeds",
     "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n"
     "Connection: Upgrade\nSec-WebSocket-Accept: %s\n\n",
     GCN_EHTTP},
    {"an empty line in front", "\r\n" LINE UPGRADE CONNECT ACCEPT END,
     GCN_EHTTP},
    {"no HTTP at all", "220 mail.test ESMTP\r\n", GCN_EHTTP},
    {"frames at once", "\x81\x02hi", GCN_EHTTP},
};

void conf_add_upgrades(struct conf_table* table) {
  conf_group(table, "11.1");
  for (size_t i = 0; i < COUNT(good); i++) {
    conf_row(table, "%s", good[i].name);
    conf_last(table)->head = good[i].head;
    conf_message(table, GCN__WS_TEXT, "first", 5);
  }
  conf_group(table, "11.2");
  for (size_t i = 0; i < COUNT(bad); i++) {
    conf_row(table, "%s", bad[i].name);
    conf_last(table)->head = bad[i].head;
    conf_last(table)->end = CONF_REFUSED;
    conf_last(table)->error = bad[i].error;
    if (bad[i].error == GCN_EWS) conf_frame(table, 0x81, "not told", 8);
  }
}
