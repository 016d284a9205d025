/*
 * TLS by hiredis and OpenSSL: certificates are read once, and every connection checks that the
 * server's certificate is for the host that SOURCE, a Sentinel or a cluster names. Without LOCKFS_TLS only the refusals are left.
 */
#include "backend/redis/net/tls.h"

#include <errno.h>
#include <stdio.h>

#ifdef LOCKFS_TLS

#include <arpa/inet.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct tls_context {
	SSL_CTX *context;
	bool has_certificate; /* cert= is set */
};

/*
 * Why the last certificate was refused. It is global because hiredis does not give access to its
 * SSL object; all connections are on the thread of the loop.
 */
static int verify_error = X509_V_OK;

static int note_verify_error(int verified, X509_STORE_CTX *store)
{
	if (!verified)
		verify_error = X509_STORE_CTX_get_error(store);
	return verified;
}

static int report_openssl(char problem[BACKEND_PROBLEM_MAX], const char *what, const char *file)
{
	unsigned long error = ERR_get_error();
	const char *why = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);

	snprintf(problem, BACKEND_PROBLEM_MAX, "TLS: %s%s: %s", what, file ? file : "", why ? why : "it failed");
	return -EINVAL;
}

static int load_certificates(SSL_CTX *context, const struct backend_config *config,
                             char problem[BACKEND_PROBLEM_MAX])
{
	if (config->cacert ? SSL_CTX_load_verify_locations(context, config->cacert, NULL) != 1
	                   : SSL_CTX_set_default_verify_paths(context) != 1)
		return report_openssl(problem, "cannot read cacert=", config->cacert);
	if (config->cert && SSL_CTX_use_certificate_chain_file(context, config->cert) != 1)
		return report_openssl(problem, "cannot read cert=", config->cert);
	if (config->key && SSL_CTX_use_PrivateKey_file(context, config->key, SSL_FILETYPE_PEM) != 1)
		return report_openssl(problem, "cannot read key=", config->key);
	return 0;
}

int tls_context_new(const struct backend_config *config, struct tls_context **ret, char problem[BACKEND_PROBLEM_MAX])
{
	struct tls_context *tls = calloc(1, sizeof(*tls));
	int err = -ENOMEM;

	if (!tls) {
		snprintf(problem, BACKEND_PROBLEM_MAX, "TLS: %s", strerror(ENOMEM));
		goto out;
	}
	tls->has_certificate = config->cert != NULL;
	tls->context = SSL_CTX_new(TLS_client_method());
	if (!tls->context || SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1) {
		err = report_openssl(problem, "cannot set it up", NULL);
		goto out;
	}
	SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, note_verify_error);
	err = load_certificates(tls->context, config, problem);
out:
	if (err < 0)
		tls_context_free(tls);
	else
		*ret = tls;
	return err;
}

void tls_context_free(struct tls_context *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->context);
	free(tls);
}

bool tls_has_certificate(const struct tls_context *tls)
{
	return tls->has_certificate;
}

/* Requires a certificate for this host; hiredis accepts any certificate that is signed by a trusted authority. */
static bool set_host(SSL *ssl, const char *host)
{
	unsigned char address[16];

	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

int tls_begin(const struct tls_context *tls, const char *host, redisAsyncContext *context)
{
	SSL *ssl = SSL_new(tls->context);

	if (!ssl)
		return -ENOMEM;
	if (!set_host(ssl, host)) {
		SSL_free(ssl);
		return -EIO;
	}
	/* If it succeeds, the context owns `ssl`. It fails if the server has refused or hung up already. */
	if (redisInitiateSSL(&context->c, ssl) == REDIS_OK)
		return 0;
	SSL_free(ssl);
	return -EIO;
}

const char *tls_explain(const redisAsyncContext *context, bool begun)
{
	static char line[160];
	char rest[256];
	unsigned long error = ERR_peek_last_error();
	const char *reason;
	int why = verify_error;

	/*
	 * A server that refuses a client sends an alert and closes; a write notices the close before
	 * the alert is read. If hiredis could not begin TLS, its read function uses freed memory.
	 */
	if (begun && ERR_GET_LIB(error) != ERR_LIB_SSL && context->c.err == REDIS_ERR_IO) {
		context->c.funcs->read((redisContext *)&context->c, rest, sizeof(rest));
		error = ERR_peek_last_error();
	}
	reason = error ? ERR_reason_error_string(error) : NULL;
	ERR_clear_error();
	verify_error = X509_V_OK;
	if (!reason || ERR_GET_LIB(error) != ERR_LIB_SSL)
		return NULL;
	switch (ERR_GET_REASON(error)) {
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
		snprintf(line, sizeof(line), "TLS: %s: %s", reason, X509_verify_cert_error_string(why));
		break;
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE: /* TLS 1.2: also sent for other reasons */
		snprintf(line, sizeof(line), "TLS: %s: give cert= and key=", reason);
		break;
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_HTTP_REQUEST:
		snprintf(line, sizeof(line), "what answers there is not TLS (%s)", reason);
		break;
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return "the connection was closed";
#endif
	default:
		snprintf(line, sizeof(line), "TLS: %s", reason);
	}
	return line;
}

#else

int tls_context_new(const struct backend_config *config, struct tls_context **ret, char problem[BACKEND_PROBLEM_MAX])
{
	(void)config;
	(void)ret;
	snprintf(problem, BACKEND_PROBLEM_MAX,
		"rediss:// needs TLS, which this build lacks (hiredis 1.0 or newer has it): use redis:// over a "
		"tunnel, or build where pkg-config finds hiredis_ssl");
	return -EPROTONOSUPPORT;
}

void tls_context_free(struct tls_context *tls)
{
	(void)tls;
}

bool tls_has_certificate(const struct tls_context *tls)
{
	(void)tls;
	return false;
}

int tls_begin(const struct tls_context *tls, const char *host, redisAsyncContext *context)
{
	(void)tls;
	(void)host;
	(void)context;
	return -EIO;
}

const char *tls_explain(const redisAsyncContext *context, bool begun)
{
	(void)context;
	(void)begun;
	return NULL;
}

#endif
