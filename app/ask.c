/*
 * `waymark ask`: what would a client be told?
 *
 *   options ─▶ query packet ─▶ respond(), the function behind the sockets ─▶ app/ask_print.c
 *
 * Zones, databases and steering are loaded as the dns role loads them. Serving states come from a
 * running server if the configuration's control socket leads to one; else every verdict is unknown
 * and the pools' policies decide.
 */
#include "app/ask_print.h"
#include "app/verbs.h"
#include "base/clock.h"
#include "base/wire.h"
#include "board/slots.h"
#include "control/client.h"
#include "dns/respond.h"
#include "dns/zone_files.h"
#include "geo/load.h"
#include "steer/view.h"
#include "steer/view_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOURCE_PORT  53000u /* of the client; any but 0 */
#define QUERY_OCTETS 512u   /* header, question and OPT need at most 307 */

struct options {
	const char *conf, *zones;
	struct addr from;
	bool tcp, dnssec, json, has_subnet;
	struct prefix subnet;
	struct dname name;
	uint8_t wire[NAME_WIRE_MAX]; /* the name with its case */
	uint16_t type;
};

/* Everything an answer rests on. */
struct world {
	struct conf *conf;
	struct steering *steering;
	struct geo_table *geo;
	struct view *view;
	struct zone_files files;
	struct zone *zone; /* with --zones FILE */
	struct dataset data;
	struct start_folder folder;
	_Atomic bool stop; /* stays false */
};

static int say(const struct err *e)
{
	char text[ERR_FILE_MAX + ERR_TEXT_MAX];

	err_format(e, text, sizeof text);
	(void)fprintf(stderr, "waymark ask: %s\n", text);
	return -1;
}

/* ---- options ---- */

/* Any type may be asked for, also one that no zone may hold: ldns knows them all, and TYPE123. */
static int parse_type(const char *text, uint16_t *type)
{
	ldns_rr_type number = ldns_get_rr_type_by_name(text);

	if (number == 0)
		return -1;
	*type = (uint16_t)number;
	return 0;
}

/* NAME [TYPE]. 0, or the exit code. */
static int parse_question(struct options *o, int argc, char **argv)
{
	const char *why = "";

	if (argc < 1 || argc > 2)
		return verb_usage("ask", argc < 1 ? "what is asked" : "too many words",
			argc < 1 ? "NAME is missing" : argv[2]);
	if (dname_from_text(&o->name, argv[0], NULL, &why) < 0 ||
		name_from_chars(o->wire, argv[0], strlen(argv[0]), NULL, &why) == 0)
		return verb_usage("ask", why, argv[0]);
	o->type = TYPE_A;
	if (argc == 2 && parse_type(argv[1], &o->type) < 0)
		return verb_usage("ask", "unknown type", argv[1]);
	return 0;
}

/* A mapped address (::ffff:192.0.2.0/120) stays IPv6, as a resolver would send it. */
static int parse_subnet(const char *text, struct prefix *out)
{
	struct prefix p;

	if (prefix_parse(text, &p) < 0)
		return -1;
	*out = p;
	if (p.addr.family == FAMILY_IPV6 || strchr(text, ':') == NULL)
		return 0;
	out->addr = (struct addr){.family = FAMILY_IPV6, .bytes = {[10] = 0xff, 0xff}};
	memcpy(out->addr.bytes + 12, p.addr.bytes, 4);
	out->length = (uint8_t)(96 + p.length);
	return 0;
}

static int parse_options(struct options *o, int argc, char **argv)
{
	enum { OPT_ZONES = 256, OPT_FROM, OPT_TCP, OPT_DNSSEC, OPT_SUBNET, OPT_JSON };
	static const struct option known[] = {{"conf", required_argument, NULL, 'c'},
		{"zones", required_argument, NULL, OPT_ZONES},
		{"from", required_argument, NULL, OPT_FROM}, {"tcp", no_argument, NULL, OPT_TCP},
		{"dnssec", no_argument, NULL, OPT_DNSSEC},
		{"subnet", required_argument, NULL, OPT_SUBNET},
		{"json", no_argument, NULL, OPT_JSON}, {0}};
	int c;

	*o = (struct options){.from = {.family = FAMILY_IPV4, .bytes = {127, 0, 0, 1}}};
	optind = 0; /* argv starts anew */
	while ((c = getopt_long(argc, argv, "c:", known, NULL)) != -1) {
		switch (c) {
		case 'c': o->conf = optarg; break;
		case OPT_ZONES: o->zones = optarg; break;
		case OPT_TCP: o->tcp = true; break;
		case OPT_DNSSEC: o->dnssec = true; break;
		case OPT_JSON: o->json = true; break;
		case OPT_FROM:
			if (addr_parse(optarg, &o->from) < 0)
				return verb_usage("ask", "no address", optarg);
			break;
		case OPT_SUBNET:
			if (parse_subnet(optarg, &o->subnet) < 0)
				return verb_usage("ask",
					"no ADDR/LEN, or bits are set past the length", optarg);
			o->has_subnet = true;
			break;
		default: return verb_usage("ask", NULL, NULL);
		}
	}
	if (o->conf != NULL && o->zones != NULL)
		return verb_usage("ask", "either -c or --zones", o->zones);
	if (o->conf == NULL && o->zones == NULL)
		o->conf = CONF_FILE_DEFAULT;
	return parse_question(o, argc - optind, argv + optind);
}

/* ---- zones ---- */

static int open_folder(struct world *w, const char *path)
{
	struct err e;

	w->folder.path = path;
	w->folder.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->folder.fd >= 0)
		return 0;
	(void)err_at(&e, path, 0, 0, "cannot open this folder: %s", strerror(errno));
	return say(&e);
}

/* All zones of a folder. Broken ones are said and answer SERVFAIL, as in the dns role. */
static int load_folder(struct world *w, const char *path, const struct zone_pools *pools)
{
	uint64_t again_ms;
	struct err e;
	int rc;

	if (open_folder(w, path) < 0)
		return -1;
	zone_files_init(&w->files, &w->folder, -1, pools, 0, &w->stop);
	rc = zone_files_scan(&w->files, true, clock_mono_ms(), clock_real_ms(), &again_ms, &e);
	if (rc < 0 || zone_files_dataset(&w->files, &w->data, &e) < 0)
		return say(&e);
	for (size_t i = 0; i < w->files.count; i++) {
		const struct zone_file *f = w->files.file[i];

		if (f->error != NULL)
			(void)fprintf(stderr, "%s\n", f->error);
		else if (f->warning != NULL)
			(void)fprintf(stderr, "%s\n", f->warning);
	}
	return 0;
}

/* One zone file. */
static int load_file(struct world *w, const char *path, const struct zone_pools *pools)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	char *folder = slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	struct zone_file named = {.name = NULL};
	struct report report = {0};
	char origin[ZONE_ORIGIN_MAX] = ".", text[ERR_FILE_MAX + ERR_TEXT_MAX];
	size_t length = strlen(name), suffix = sizeof ZONE_SUFFIX - 1;
	struct err e;
	int rc = -1;

	if (folder == NULL || open_folder(w, folder) < 0) {
		free(folder);
		return -1;
	}
	named.name = strdup(name);
	if (named.name != NULL && length > suffix &&
		strcmp(name + length - suffix, ZONE_SUFFIX) == 0)
		zone_file_origin(&named, origin);
	rc = zone_load(w->folder.fd, name, path, origin, pools, &w->zone, &report);
	for (size_t i = 0; i < report.count; i++) {
		err_format(&report.items[i], text, sizeof text);
		(void)fprintf(stderr, "%s\n", text);
	}
	report_free(&report);
	free(named.name);
	free(folder);
	if (rc == 0 && dataset_build(&w->data, &w->zone, 1, NULL, 0, &e) < 0)
		rc = say(&e);
	return rc;
}

static int load_zones_alone(struct world *w, const char *path)
{
	const struct zone_pools any = {.any = true};
	struct stat st;
	struct err e;

	if (stat(path, &st) < 0) {
		(void)err_at(&e, path, 0, 0, "%s", strerror(errno));
		return say(&e);
	}
	return S_ISDIR(st.st_mode) ? load_folder(w, path, &any) : load_file(w, path, &any);
}

/* ---- the whole configuration ---- */

static int load_conf(struct world *w, const char *path)
{
	struct report report = {0};
	char text[ERR_FILE_MAX + ERR_TEXT_MAX];
	int rc = conf_load(path, &w->conf, &report);

	for (size_t i = 0; i < report.count; i++) {
		err_format(&report.items[i], text, sizeof text);
		(void)fprintf(stderr, "%s\n", text);
	}
	report_free(&report);
	return rc;
}

/* Databases; one that cannot be read is said and left out, as the dns role does at a start. */
static int load_geo(struct world *w)
{
	struct geo_loaded loaded[CONF_DATABASES_MAX] = {0};
	size_t count = w->conf->database_count;
	int fd[CONF_DATABASES_MAX], rc;
	struct err e;

	for (size_t i = 0; i < count; i++) {
		const char *path = w->conf->databases[i].path, *slash = strrchr(path, '/');
		char *folder =
			slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

		fd[i] = folder != NULL ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		free(folder);
	}
	rc = geo_load(w->conf, fd, &w->geo, loaded, &e);
	for (size_t i = 0; i < count; i++) {
		if (fd[i] >= 0)
			(void)close(fd[i]);
		if (rc >= 0 && !loaded[i].ok)
			(void)say(&loaded[i].error);
	}
	return rc < 0 ? say(&e) : 0;
}

/* Without a server: a board on which nothing was ever checked. */
static int view_unknown(struct world *w, struct err *e)
{
	struct generation *g = NULL;
	struct slots *slots = NULL;
	struct board b;
	int rc = -1;

	if (board_create_private(&b, e) < 0)
		return -1;
	slots = slots_new(&b);
	if (slots == NULL)
		(void)err_set(e, "out of memory for the endpoints");
	else
		rc = generation_build(w->conf, 1, slots, &g, e);
	if (rc == 0)
		view_build(w->view, g, &b, clock_mono_ms());
	if (slots != NULL) {
		generation_free(g, slots);
		slots_free(slots);
	}
	board_destroy(&b);
	return rc;
}

static int load_view(struct world *w)
{
	json_t *snapshot = NULL;
	struct err e;
	int rc;

	w->view = view_new_laid_out(w->steering, VIEW_FOR_DNS);
	if (w->view == NULL) {
		(void)err_set(&e, "out of memory for the endpoints");
		return say(&e);
	}
	rc = snapshot_fetch(w->conf->control.socket, &snapshot, &e);
	if (rc == 0) {
		rc = view_from_snapshot(w->view, snapshot, clock_mono_ms(), clock_real_ms(), &e);
		json_decref(snapshot);
		if (rc == 0) {
			(void)fprintf(stderr, "waymark ask: live board of the server at %s\n",
				w->conf->control.socket);
			return 0;
		}
	}
	if (rc < 0) { /* a server that does not answer as it should: say so, and go on without */
		(void)say(&e);
		(void)fprintf(stderr,
			"waymark ask: going on without the server: all verdicts are unknown\n");
	}
	return view_unknown(w, &e) < 0 ? say(&e) : 0;
}

static int load_world(struct world *w, const char *path)
{
	const char **pools, **regions;
	struct zone_pools names;
	struct err e;
	int rc = -1;

	if (load_conf(w, path) < 0)
		return -1;
	if (steer_compile(w->conf, &w->steering, &e) < 0)
		return say(&e);
	if (load_geo(w) < 0 || load_view(w) < 0)
		return -1;
	w->data.conf = w->conf;
	w->data.steering = w->steering;
	w->data.geo = w->geo;
	pools = calloc(w->conf->pool_count + 1, sizeof *pools);
	regions = calloc(w->conf->region_count + 1, sizeof *regions);
	if (pools != NULL && regions != NULL) {
		for (size_t i = 0; i < w->conf->pool_count; i++)
			pools[i] = w->conf->pools[i].name;
		for (size_t i = 0; i < w->conf->region_count; i++)
			regions[i] = w->conf->regions[i].name;
		names = (struct zone_pools){.pools = pools,
			.pool_count = w->conf->pool_count,
			.regions = regions,
			.region_count = w->conf->region_count};
		rc = load_folder(w, w->conf->zones.path, &names);
	}
	free(pools);
	free(regions);
	return rc;
}

static void clear_world(struct world *w)
{
	dataset_clear(&w->data);
	zone_files_clear(&w->files);
	zone_free(w->zone);
	if (w->folder.fd >= 0)
		(void)close(w->folder.fd);
	view_free(w->view);
	geo_free(w->geo);
	steer_free(w->steering);
	conf_free(w->conf);
}

/* ---- asking ---- */

static size_t write_query(const struct options *o, uint8_t *out)
{
	struct writer w = {out, out + QUERY_OCTETS, false};
	uint8_t *rdlength;

	put_u16(&w, 0); /* id */
	put_u16(&w, 0); /* flags */
	put_u16(&w, 1);
	put_u16(&w, 0);
	put_u16(&w, 0);
	put_u16(&w, 1);
	put_bytes(&w, o->wire, o->name.length);
	put_u16(&w, o->type);
	put_u16(&w, DNS_CLASS_IN);
	put_u8(&w, 0);
	put_u16(&w, TYPE_OPT);
	put_u16(&w, UDP_PAYLOAD_USUAL);
	put_u32(&w, o->dnssec ? 0x8000u : 0);
	rdlength = put_space(&w, 2);
	store_u16(rdlength, 0);
	if (o->has_subnet) {
		unsigned octets = (o->subnet.length + 7u) / 8u;

		put_u16(&w, OPTION_SUBNET);
		put_u16(&w, (uint16_t)(4 + octets));
		put_u16(&w, o->subnet.addr.family == FAMILY_IPV6 ? 2 : 1);
		put_u8(&w, o->subnet.length);
		put_u8(&w, 0);
		put_bytes(&w, o->subnet.addr.bytes, octets);
		store_u16(rdlength, (uint16_t)(8 + octets));
	}
	return (size_t)(w.at - out);
}

static int ask(const struct options *o, struct world *w)
{
	static const struct conf_secrets no_secrets; /* its client is known: no cookies */
	_Atomic uint64_t counter[DNS_COUNTER_COUNT] = {0};
	const struct hostport source = {o->from, SOURCE_PORT};
	struct responder *r = malloc(sizeof *r);
	uint8_t *reply = malloc(REPLY_MAX), query[QUERY_OCTETS];
	struct err e;
	size_t length;
	int rc = -1;

	if (r == NULL || reply == NULL || responder_init(r, w->steering, counter) < 0) {
		free(r);
		free(reply);
		(void)err_set(&e, "out of memory for the reply");
		return say(&e);
	}
	if (w->conf != NULL)
		responder_configure(r, &w->conf->dns, &no_secrets, NULL);
	r->facts = (struct facts){.data = &w->data, .view = w->view, .now_ms = clock_mono_ms()};
	length = respond(r, query, write_query(o, query), &source, o->tcp, reply);
	if (r->notes.unbound)
		(void)fprintf(stderr, "waymark ask: this is a POOL name: without a configuration "
				      "(-c) there are no pools\n");
	if (length == 0)
		(void)err_set(&e, "there is no reply to this question");
	else
		rc = o->json ? ask_print_json(reply, length, &e)
			     : ask_print_text(reply, length, &e);
	if (rc < 0)
		(void)say(&e);
	responder_clear(r);
	free(r);
	free(reply);
	return rc;
}

int verb_ask(int argc, char **argv)
{
	struct options o;
	struct world w = {.folder = {.fd = -1}, .files = {.copies = -1}};
	/* getopt looks at argv[0] for its messages */
	char **words = calloc((size_t)argc + 2, sizeof *words), program[] = "waymark ask";
	int rc;

	if (words == NULL)
		return EXIT_FAILURE;
	words[0] = program;
	memcpy(words + 1, argv, (size_t)argc * sizeof *words);
	rc = parse_options(&o, argc + 1, words);
	free(words);
	if (rc != 0)
		return rc;
	rc = o.zones != NULL ? load_zones_alone(&w, o.zones) : load_world(&w, o.conf);
	if (rc == 0)
		rc = ask(&o, &w);
	clear_world(&w);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
