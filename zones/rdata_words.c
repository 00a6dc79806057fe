/*
 * Words that stand for a number in RDATA, in any letter case; the number itself is always good too.
 * Those that ldns knows (algorithms, kinds of certificates, TLSA) are in zones/rdata_text.c.
 */
#include "zones/rdata.h"

struct word {
	char form; /* of the field, see zones/rdata.h */
	uint16_t number;
	const char *text;
};

static const struct word words[] = {
	/* KEY flags (RFC 2535, 7.1), and what BIND calls some of them */
	{'K', 0x4000, "NOCONF"}, {'K', 0x8000, "NOAUTH"}, {'K', 0xc000, "NOKEY"},
	{'K', 0x2000, "FLAG2"}, {'K', 0x1000, "EXTEND"}, {'K', 0x1000, "FLAG3"},
	{'K', 0x0800, "FLAG4"}, {'K', 0x0400, "FLAG5"}, {'K', 0x0000, "USER"},
	{'K', 0x0100, "ZONE"}, {'K', 0x0200, "HOST"}, {'K', 0x0200, "ENTITY"},
	{'K', 0x0300, "NTYP3"}, {'K', 0x0080, "FLAG8"}, {'K', 0x0080, "REVOKE"},
	{'K', 0x0040, "FLAG9"}, {'K', 0x0020, "FLAG10"}, {'K', 0x0010, "FLAG11"},
	{'K', 0x0001, "KSK"}, {'K', 0, "SIG0"}, {'K', 1, "SIG1"}, {'K', 2, "SIG2"},
	{'K', 3, "SIG3"}, {'K', 4, "SIG4"}, {'K', 5, "SIG5"}, {'K', 6, "SIG6"}, {'K', 7, "SIG7"},
	{'K', 8, "SIG8"}, {'K', 9, "SIG9"}, {'K', 10, "SIG10"}, {'K', 11, "SIG11"},
	{'K', 12, "SIG12"}, {'K', 13, "SIG13"}, {'K', 14, "SIG14"}, {'K', 15, "SIG15"},
	/* KEY protocols (RFC 2535, 7.1) */
	{'P', 0, "NONE"}, {'P', 1, "TLS"}, {'P', 2, "EMAIL"}, {'P', 3, "DNSSEC"}, {'P', 4, "IPSEC"},
	{'P', 255, "ALL"},
	/* digests of DS, as BIND reads them */
	{'F', 1, "SHA-1"}, {'F', 1, "SHA1"}, {'F', 2, "SHA-256"}, {'F', 2, "SHA256"},
	{'F', 3, "GOST"}, {'F', 4, "SHA-384"}, {'F', 4, "SHA384"},
	{'R', 1, "SHA-1"},  /* hash of NSEC3, likewise */
	{'Y', 1, "NOTIFY"}, /* scheme of DSYNC (RFC 9859) */
};

static const struct word *find(char form, const struct token *t)
{
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (words[i].form == form && token_is(t, words[i].text))
			return &words[i];
	return NULL;
}

/* Words with a bar between them are added up (RFC 2535, 7.1); no others hold bars. */
int rdata_word(char form, const struct token *t, uint32_t *out)
{
	struct token part = *t;
	uint32_t sum = 0;
	size_t left = t->length;

	for (;;) {
		const struct word *w;
		size_t length = 0;

		while (length < left && part.text[length] != '|')
			length++;
		part.length = (uint32_t)length;
		w = find(form, &part);
		if (w == NULL)
			return -1;
		sum |= w->number;
		if (length == left)
			break;
		part.text += length + 1;
		left -= length + 1;
	}
	*out = sum;
	return 0;
}
