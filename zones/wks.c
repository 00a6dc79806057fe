/*
 * WKS (RFC 1035, 3.4.2): an address, a protocol, and a bit for each port of well known services.
 *
 * Protocols and services may be given by number or by the keywords of "Assigned Numbers" (RFC 1010 and
 * its successors). The table is ours and no file of the machine: a zone means the same on all of them.
 */
#include "zones/rdata.h"

#include <string.h>

struct keyword {
	const char *word;
	uint16_t number;
};

static const struct keyword protocols[] = {{"TCP", 6}, {"UDP", 17}, {"IP", 0}, {"ICMP", 1},
	{"IGMP", 2}, {"GGP", 3}, {"IPENCAP", 4}, {"ST", 5}, {"CBT", 7}, {"EGP", 8}, {"IGP", 9},
	{"PUP", 12}, {"HMP", 20}, {"XNS-IDP", 22}, {"RDP", 27}, {"ISO-TP4", 29}, {"DCCP", 33},
	{"XTP", 36}, {"RSVP", 46}, {"GRE", 47}, {"ESP", 50}, {"AH", 51}, {"OSPF", 89}, {"PIM", 103},
	{"VRRP", 112}, {"L2TP", 115}, {"SCTP", 132}, {"UDPLITE", 136}};

static const struct keyword services[] = {{"TCPMUX", 1}, {"RJE", 5}, {"ECHO", 7}, {"DISCARD", 9},
	{"SYSTAT", 11}, {"USERS", 11}, {"DAYTIME", 13}, {"NETSTAT", 15}, {"QUOTE", 17},
	{"QOTD", 17}, {"MSP", 18}, {"CHARGEN", 19}, {"FTP-DATA", 20}, {"FTP", 21}, {"SSH", 22},
	{"TELNET", 23}, {"SMTP", 25}, {"MAIL", 25}, {"NSW-FE", 27}, {"MSG-ICP", 29},
	{"MSG-AUTH", 31}, {"DSP", 33}, {"TIME", 37}, {"RLP", 39}, {"GRAPHICS", 41},
	{"NAMESERVER", 42}, {"NAME", 42}, {"NICNAME", 43}, {"WHOIS", 43}, {"MPM-FLAGS", 44},
	{"MPM", 45}, {"MPM-SND", 46}, {"NI-FTP", 47}, {"TACACS", 49}, {"LA-MAINT", 51},
	{"DOMAIN", 53}, {"ISI-GL", 55}, {"BOOTPS", 67}, {"BOOTPC", 68}, {"TFTP", 69},
	{"GOPHER", 70}, {"NETRJS-1", 71}, {"NETRJS-2", 72}, {"NETRJS-3", 73}, {"NETRJS-4", 74},
	{"FINGER", 79}, {"HTTP", 80}, {"WWW", 80}, {"HOSTS2-NS", 81}, {"SU-MIT-TG", 89},
	{"KERBEROS", 88}, {"MIT-DOV", 91}, {"DCP", 93}, {"SUPDUP", 95}, {"SWIFT-RVF", 97},
	{"TACNEWS", 98}, {"METAGRAM", 99}, {"HOSTNAME", 101}, {"HOSTNAMES", 101}, {"ISO-TSAP", 102},
	{"X400", 103}, {"X400-SND", 104}, {"CSNET-NS", 105}, {"RTELNET", 107}, {"POP-2", 109},
	{"POP2", 109}, {"POP-3", 110}, {"POP3", 110}, {"SUNRPC", 111}, {"AUTH", 113},
	{"IDENT", 113}, {"SFTP", 115}, {"UUCP-PATH", 117}, {"NNTP", 119}, {"ERPC", 121},
	{"NTP", 123}, {"LOCUS-MAP", 125}, {"LOCUS-CON", 127}, {"PWDGEN", 129}, {"CISCO-FNA", 130},
	{"CISCO-TNA", 131}, {"CISCO-SYS", 132}, {"STATSRV", 133}, {"INGRES-NET", 134},
	{"LOC-SRV", 135}, {"EPMAP", 135}, {"PROFILE", 136}, {"NETBIOS-NS", 137},
	{"NETBIOS-DGM", 138}, {"NETBIOS-SSN", 139}, {"IMAP", 143}, {"IMAP2", 143}, {"NEWS", 144},
	{"SNMP", 161}, {"SNMP-TRAP", 162}, {"SNMPTRAP", 162}, {"XDMCP", 177}, {"BGP", 179},
	{"IRC", 194}, {"LDAP", 389}, {"HTTPS", 443}, {"KPASSWD", 464}, {"SUBMISSIONS", 465},
	{"SMTPS", 465}, {"EXEC", 512}, {"BIFF", 512}, {"COMSAT", 512}, {"LOGIN", 513}, {"WHO", 513},
	{"SHELL", 514}, {"SYSLOG", 514}, {"PRINTER", 515}, {"TALK", 517}, {"NTALK", 518},
	{"ROUTE", 520}, {"TIMED", 525}, {"UUCP", 540}, {"SUBMISSION", 587}, {"LDAPS", 636},
	{"DOMAIN-S", 853}, {"IMAPS", 993}, {"POP3S", 995}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A number, or a word of the table; -1 when it is neither. */
static int parse(const struct token *t, const struct keyword *table, size_t count, uint64_t max,
	uint64_t *out)
{
	if (number_parse(t, max, out) == 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (token_is(t, table[i].word)) {
			*out = table[i].number;
			return 0;
		}
	}
	return -1;
}

static int parse_port(const struct token *t, uint64_t *port)
{
	return parse(t, services, COUNT(services), UINT16_MAX, port);
}

int wks_parse(struct fields *f)
{
	const struct token *t = field_token(f, "protocol");
	uint8_t *protocol, *ports;
	uint64_t number, port, octets = 0;

	if (t == NULL)
		return -1;
	if (parse(t, protocols, COUNT(protocols), UINT8_MAX, &number) < 0)
		return field_error(f, t, "protocol", "neither a number up to 255 nor a known one");
	protocol = field_room(f, t, 1);
	if (protocol == NULL)
		return -1;
	*protocol = (uint8_t)number;
	for (t = f->next; t < f->end; t++) {
		if (parse_port(t, &port) < 0)
			return field_error(f, t, "service", "neither a port nor a known one");
		octets = port / 8 + 1 > octets ? port / 8 + 1 : octets;
	}
	ports = field_room(f, f->type, (size_t)octets);
	if (ports == NULL)
		return -1;
	memset(ports, 0, (size_t)octets);
	for (; f->next < f->end; f->next++)
		if (parse_port(f->next, &port) == 0)
			ports[port / 8] |= (uint8_t)(0x80 >> (port & 7));
	return 0;
}
