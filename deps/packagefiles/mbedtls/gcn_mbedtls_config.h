/*
 * Build-time configuration of Mbed TLS 3.6 for this project.
 *
 * This replaces upstream's default mbedtls_config.h: only what a WebSocket
 * client over TLS 1.2/1.3 (plus the server side, for our own tests) needs is
 * switched on. Every translation unit that includes an mbedtls/ or psa/ header
 * must be compiled with the same MBEDTLS_CONFIG_FILE, because structure
 * layouts depend on it; the dependency object in this directory's meson.build
 * carries the define.
 */
#ifndef GCN_MBEDTLS_CONFIG_H
#define GCN_MBEDTLS_CONFIG_H

/* ---- platform ---------------------------------------------------------- */
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_HAVE_TIME
#define MBEDTLS_HAVE_TIME_DATE          /* check certificate validity dates */
#define MBEDTLS_FS_IO                   /* load CA bundles from files/dirs  */
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY         /* tests swap the allocator         */
#if !defined(_WIN32)
#define MBEDTLS_THREADING_C             /* PSA key store is process-wide    */
#define MBEDTLS_THREADING_PTHREAD
#endif
#define MBEDTLS_VERSION_C
#define MBEDTLS_ERROR_C
#if defined(GCN_MBEDTLS_DEBUG)
#define MBEDTLS_DEBUG_C
#endif

/* ---- entropy and random numbers ---------------------------------------- */
#define MBEDTLS_ENTROPY_C
#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_HMAC_DRBG_C             /* deterministic ECDSA              */

/* ---- symmetric ciphers -------------------------------------------------- */
#define MBEDTLS_CIPHER_C
#define MBEDTLS_AES_C
#define MBEDTLS_AESNI_C                 /* x86-64: AES-NI + CLMUL           */
#define MBEDTLS_AESCE_C                 /* arm64 crypto extensions          */
#define MBEDTLS_GCM_C
#define MBEDTLS_BLOCK_CIPHER_C          /* GCM calls AES without CIPHER_C   */
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C
#define MBEDTLS_CIPHER_MODE_CBC         /* only for encrypted key files     */
#define MBEDTLS_CIPHER_PADDING_PKCS7

/* ---- hashes -------------------------------------------------------------- */
#define MBEDTLS_MD_C
#define MBEDTLS_SHA1_C                  /* Sec-WebSocket-Accept             */
#define MBEDTLS_SHA224_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C
#if defined(__aarch64__)
#define MBEDTLS_SHA256_USE_ARMV8_A_CRYPTO_IF_PRESENT
#define MBEDTLS_SHA512_USE_A64_CRYPTO_IF_PRESENT
#endif
#define MBEDTLS_HKDF_C

/* ---- public keys ---------------------------------------------------------- */
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_DP_SECP521R1_ENABLED
#define MBEDTLS_ECP_DP_CURVE25519_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_ECDSA_DETERMINISTIC
#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_PKCS5_C

/* ---- encodings and X.509 ---------------------------------------------------- */
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_BASE64_C
#define MBEDTLS_OID_C
#define MBEDTLS_PEM_PARSE_C
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_CRL_PARSE_C
#define MBEDTLS_X509_RSASSA_PSS_SUPPORT

/* Certificate writing: the test suite mints its own CA and leaves. */
#if defined(GCN_MBEDTLS_X509_WRITE)
#define MBEDTLS_GENPRIME
#define MBEDTLS_PK_WRITE_C
#define MBEDTLS_PEM_WRITE_C
#define MBEDTLS_X509_CREATE_C
#define MBEDTLS_X509_CRT_WRITE_C
#endif

/* ---- PSA crypto (TLS 1.3 is built on it) ------------------------------------ */
#define MBEDTLS_PSA_CRYPTO_C

/* ---- TLS ----------------------------------------------------------------- */
#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_SRV_C
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_SSL_PROTO_TLS1_3
#define MBEDTLS_SSL_TLS1_3_COMPATIBILITY_MODE
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED
#define MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET
#define MBEDTLS_SSL_SERVER_NAME_INDICATION
#define MBEDTLS_SSL_ALPN
#define MBEDTLS_SSL_ALL_ALERT_MESSAGES
#define MBEDTLS_SSL_SESSION_TICKETS
#define MBEDTLS_SSL_TICKET_C            /* server half, tests               */
#define MBEDTLS_SSL_CACHE_C             /* server half, tests               */
#define MBEDTLS_SSL_MAX_FRAGMENT_LENGTH
#define MBEDTLS_SSL_RECORD_SIZE_LIMIT
#define MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH

/* Peers may send full 16 KiB records; what we send is small, but Mbed TLS 3.6
 * does not cut a handshake message into records, and a client's chain of three
 * RSA certificates of 4096 bits has 3.6 KB before any extension. An open
 * connection of ours has no buffer between records (src/codec/tls-buffers.c),
 * so a smaller one would save nothing but while it shakes hands. */
#define MBEDTLS_SSL_IN_CONTENT_LEN  16384
#define MBEDTLS_SSL_OUT_CONTENT_LEN 16384

#endif
