#include "geo/codes.h"

#include "geo/ranges.h"

#include <string.h>

/* Countries by continent, as GeoNames and MaxMind assign them (transcontinental ones count where
 * their capital lies). */
static const struct {
	char continent[3];
	const char *countries; /* in fields of three */
} continents[] = {
	{"AF", "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS "
	       "LY MA MG ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG "
	       "YT ZA ZM ZW "},
	{"AN", "AQ BV GS HM TF "},
	{"AS", "AE AF AM AZ BD BH BN BT CC CN GE HK ID IL IN IO IQ IR JO JP KG KH KP KR KW KZ LA "
	       "LB LK MM MN MO MV MY NP OM PH PK PS QA SA SG SY TH TJ TM TR TW UZ VN YE "},
	{"EU", "AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS "
	       "IT JE LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK "},
	{"NA", "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ "
	       "MS MX NI PA PM PR SV SX TC TT US VC VG VI "},
	{"OC", "AS AU CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TL TO TV UM VU WF "
	       "WS "},
	{"SA", "AR BO BR CL CO EC FK GF GY PE PY SR UY VE "},
};

/* 0..25; 26 for anything else. */
static unsigned letter(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A');
	return c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') : 26;
}

uint16_t code_number(const char *text, size_t length)
{
	if (length != 2 || letter(text[0]) == 26 || letter(text[1]) == 26)
		return CODE_NONE;
	return (uint16_t)(letter(text[0]) * 26 + letter(text[1]));
}

uint16_t code_continent(uint16_t country)
{
	for (size_t i = 0; i < sizeof continents / sizeof continents[0]; i++)
		for (const char *p = continents[i].countries; *p != '\0'; p += 3)
			if (code_number(p, 2) == country)
				return code_number(continents[i].continent, 2);
	return CODE_NONE;
}

void code_rules_build(struct code_rules *r, const struct conf *c)
{
	for (size_t i = 0; i < CODE_COUNT; i++)
		r->country[i] = r->continent[i] = RANGE_HOLE;
	r->fallback = RANGE_NO_REGION;
	for (size_t region = 0; region < c->region_count; region++) {
		for (size_t i = 0; i < c->regions[region].rule_count; i++) {
			const struct conf_rule *rule = &c->regions[region].rules[i];
			uint16_t code = code_number(rule->code, strlen(rule->code));

			if (rule->kind == RULE_DEFAULT)
				r->fallback = (uint16_t)region;
			else if (code == CODE_NONE)
				continue; /* conf refuses it */
			else if (rule->kind == RULE_COUNTRY)
				r->country[code] = (uint16_t)region;
			else
				r->continent[code] = (uint16_t)region;
		}
	}
}

uint16_t code_rules_decide(const struct code_rules *r, uint16_t country, uint16_t continent)
{
	if (country == CODE_NONE && continent == CODE_NONE)
		return RANGE_HOLE;
	if (country != CODE_NONE && r->country[country] != RANGE_HOLE)
		return r->country[country];
	if (continent == CODE_NONE)
		continent = code_continent(country);
	if (continent != CODE_NONE && r->continent[continent] != RANGE_HOLE)
		return r->continent[continent];
	return r->fallback;
}
