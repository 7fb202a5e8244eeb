/* SPDX-License-Identifier: MIT */
/*
 * How closely the JSON of a message is looked at, besides its UTF-8.
 *
 * Whoever has the bodies parsed again anyway may save the scanner a pass over
 * their grammar.  It knows no message; the scanners say what their bodies are.
 */
#ifndef GCN_CODEC_SCRUTINY_H
#define GCN_CODEC_SCRUTINY_H

enum gcn__scrutiny {
  GCN__SCRUTINY_STRICT,  /* the whole text against the JSON grammar */
  GCN__SCRUTINY_SHALLOW, /* our own members; of bodies only strings, and how
                            many brackets open and close, which is enough to
                            find their ends */
};

#endif
