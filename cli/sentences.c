/*
 * sentences.c - the catalogue.
 *
 * French sets a no-break space before a colon and inside guillemets, and a narrow one before a
 * semicolon and between groups of digits; both are spelled out here, since nobody sees them.
 */
#include "cli/sentences.h"

#include <string.h>

#define NB "\u00a0"
#define NNB "\u202f"

static const char *const sentences[SENTENCE_COUNT][LANGUAGE_COUNT] = {
    [SAY_NEED] = {"Need {need} of {party}: {units} of {product}, class {class}, {state}",
                  "Besoin {need} de {party}" NB ": {units} de {product}, classe {class}, {state}"},
    [SAY_DUE] = {"wanted by {day}", "souhaité pour le {day}"},
    [SAY_LATEST] = {"of use until {day}", "utile jusqu’au {day}"},
    [SAY_TOTALS] = {"promised: {promised}, missing: {missing}",
                    "promis" NB ": {promised}, manque" NB ": {missing}"},
    [SAY_TRANCHE] = {"tranche {tranche}: {served} of {units}",
                     "tranche {tranche}" NB ": {served} sur {units}"},
    [SAY_GETS] = {"What it gets", "Ce qu’il reçoit"},
    [SAY_GETS_NOTHING] = {"It gets nothing.", "Il ne reçoit rien."},
    [SAY_SHARE] = {"assignment {number}, {state}: {units} from {party} (offer {offer}), "
                   "{kilometres} km, cost {cost} a unit",
                   "attribution {number}, {state}" NB ": {units} de {party} (offre {offer}), "
                   "{kilometres} km, coût {cost} par unité"},
    [SAY_MADE] = {"made by {day}", "fabrication au plus tard le {day}"},
    [SAY_ARRIVAL] = {"arrives by {day}", "arrivée au plus tard le {day}"},
    [SAY_SLACK] = {"{days} to spare", "marge de {days}"},

    [SAY_SERVED] = {"It misses nothing.", "Il ne lui manque rien."},
    [SAY_NOT_OPEN] = {"Nothing is decided for it: it is {state}.",
                      "Rien n’est décidé pour lui" NB ": il est {state}."},
    [SAY_NOT_OFFERED] = {"Awaits supply: nobody offers {product} now.",
                         "Attente d’une offre" NB ": personne ne propose {product} à présent."},
    [SAY_NOT_POSSIBLE] = {"Rule: no offer is possible; most often, {rule}.",
                          "Règle" NB ": aucune offre n’est possible" NNB
                          "; le plus souvent, {rule}."},
    [SAY_COMMITTED] = {"Fence: all that could serve it is committed already.",
                       "Engagements" NB ": tout ce qui pourrait le servir est déjà engagé."},
    [SAY_CAPACITY] = {"Capacity: it gets all that the possible offers can give.",
                      "Capacité" NB ": il reçoit tout ce que les offres possibles peuvent donner."},
    [SAY_CLASS] = {"Class: one unit more, from offer {offer}, would be taken from need {need} of "
                   "{party}, class {class}, tranche {tranche}.",
                   "Classe" NB ": une unité de plus, de l’offre {offer}, serait prise au besoin "
                   "{need} de {party}, classe {class}, tranche {tranche}."},
    [SAY_FAIRNESS] = {"Fairness: one unit more, from offer {offer}, would be taken from need "
                      "{need} of {party}, class {class}, whose tranche {tranche} comes first.",
                      "Équité" NB ": une unité de plus, de l’offre {offer}, serait prise au besoin "
                      "{need} de {party}, classe {class}, dont la tranche {tranche} passe avant."},
    [SAY_COST] = {"Cost: one unit more, from offer {offer}, would be taken from need {need} of "
                  "{party}, of the same class {class} and tranche {tranche}, which it serves at "
                  "less cost.",
                  "Coût" NB
                  ": une unité de plus, de l’offre {offer}, serait prise au besoin {need} "
                  "de {party}, de même classe {class} et tranche {tranche}, qu’elle sert à "
                  "moindre coût."},
    [SAY_LOT] = {"Lot: what is left for it is smaller than a lot.",
                 "Lot" NB ": ce qui reste pour lui est plus petit qu’un lot."},

    [SAY_PRICES] = {"What one unit more of a scarce offer would do",
                    "Ce que ferait une unité de plus d’une offre rare"},
    [SAY_PRICE_OF] = {"offer {offer}", "offre {offer}"},
    [SAY_PRICE_SERVES] = {": serve a unit of need {need} of {party}, class {class}, tranche "
                          "{tranche}; {change}",
                          NB ": servir une unité du besoin {need} de {party}, classe {class}, "
                             "tranche {tranche}" NNB "; {change}"},
    [SAY_PRICE_SAVES] = {": serve nobody else; {change}",
                         NB ": ne servir personne d’autre" NNB "; {change}"},
    [SAY_DEARER] = {"the plan costs {cost} more", "le plan coûte {cost} de plus"},
    [SAY_CHEAPER] = {"the plan costs {cost} less", "le plan coûte {cost} de moins"},
    [SAY_SAME_COST] = {"the plan costs the same", "le plan coûte autant"},
    [SAY_OPTIONS_MORE] = {"Where one unit more could come from, best first",
                          "D’où pourrait venir une unité de plus, la meilleure voie d’abord"},
    [SAY_OPTIONS_INSTEAD] = {"What could replace a unit of offer {offer}, best first",
                             "Ce qui pourrait remplacer une unité de l’offre {offer}, la meilleure "
                             "voie d’abord"},
    [SAY_NO_OPTION] = {"There is no alternative.", "Il n’y a pas d’autre voie."},
    [SAY_OPTION] = {"offer {offer} of {party}, {kilometres} km, cost {cost} a unit",
                    "offre {offer} de {party}, {kilometres} km, coût {cost} par unité"},
    [SAY_CONSEQUENCE] = {": {effect}; {change}", NB ": {effect}" NNB "; {change}"},
    [SAY_EFFECT_FREE] = {"offer {offer} has units left", "il reste des unités à l’offre {offer}"},
    [SAY_EFFECT_NEED] = {"need {need} of {party}, class {class}, tranche {tranche}, loses a unit",
                         "le besoin {need} de {party}, classe {class}, tranche {tranche}, perd une "
                         "unité"},
    [SAY_EFFECT_SWAP] = {"nobody loses, the unit given back is used",
                         "personne ne perd, l’unité rendue est utilisée"},
    [SAY_MOVES] = {" (needs served from elsewhere on the way: {count})",
                   " (besoins servis d’ailleurs en chemin" NB ": {count})"},
    [SAY_FREED] = {"The unit given back would go to need {need} of {party}, class {class}, tranche "
                   "{tranche}.",
                   "L’unité rendue irait au besoin {need} de {party}, classe {class}, tranche "
                   "{tranche}."},

    [SAY_FAILURES] = {"Offers that are not possible", "Offres impossibles"},
    [SAY_FAILURE] = {"{offers}: {rule}", "{offers}" NB ": {rule}"},
    [SAY_FLIP_DAYS] = {"nearest is {offer}: a last useful day {days} later would do",
                       "au plus près, {offer}" NB
                       ": un dernier jour utile reculé de {days} suffirait"},
    [SAY_FLIP_UNITS] = {"nearest is {offer}: {units} more would do",
                        "au plus près, {offer}" NB ": il suffirait de {units} de plus"},
    [SAY_FLIP_NORM] = {"norm {code}, nearest is {offer}", "norme {code}, au plus près, {offer}"},
    [SAY_FLIP_FROM] = {"possible from {day}", "possible à partir du {day}"},
    [SAY_POSSIBLE] = {"Possible offers: {count}", "Offres possibles" NB ": {count}"},

    [SAY_ASSIGNMENT] = {"Assignment {number} of need {need}, {state}: {units} from {party} (offer "
                        "{offer})",
                        "Attribution {number} du besoin {need}, {state}" NB
                        ": {units} de {party} (offre {offer})"},
    [SAY_PAIR] = {"Offer {offer} of {party} for need {need}: {state}",
                  "Offre {offer} de {party} pour le besoin {need}" NB ": {state}"},
    [SAY_RULES] = {"Rules", "Règles"},
    [SAY_HOLDS] = {"yes: {rule}", "oui" NB ": {rule}"},
    [SAY_FAILS] = {"no: {rule}", "non" NB ": {rule}"},
    [SAY_RANK] = {"Rank by cost: {rank} of {count}", "Rang par le coût" NB ": {rank} sur {count}"},
    [SAY_UNIT_COST] = {"Cost of a unit: {cost}", "Coût d’une unité" NB ": {cost}"},
    [SAY_TERM_DISTANCE] = {"{cost} for {kilometres} km", "{cost} pour {kilometres} km"},
    [SAY_TERM_REGION] = {"{cost} for another region", "{cost} pour une autre région"},
    [SAY_TERM_COUNTRY] = {"{cost} for another country", "{cost} pour un autre pays"},
    [SAY_TERM_LATE] = {"{cost} for {days} late", "{cost} pour {days} de retard"},
    [SAY_TERM_SUBSTITUTE] = {"{cost} for a substitute", "{cost} pour un produit de substitution"},
    [SAY_TERM_RECYCLABLE] = {"{cost} for not being recyclable",
                             "{cost} pour un produit non recyclable"},
    [SAY_FIXED] = {"It is fixed: the plan never moves it.",
                   "Elle est ferme" NB ": le plan n’y touche jamais."},

    [SAY_ONE_UNIT] = {"{count} unit", "{count} unité"},
    [SAY_UNITS] = {"{count} units", "{count} unités"},
    [SAY_ONE_DAY] = {"{count} day", "{count} jour"},
    [SAY_DAYS] = {"{count} days", "{count} jours"},
    [SAY_ONE_OFFER] = {"{count} offer", "{count} offre"},
    [SAY_OFFERS] = {"{count} offers", "{count} offres"},
};

/* Words of messages: states, and rules as they fail or, behind a plus, as they hold. */
static const struct {
    const char *word, *texts[LANGUAGE_COUNT];
} words[] = {
    {"open", {"open", "ouvert"}},
    {"quarantined", {"in quarantine", "en quarantaine"}},
    {"cancelled", {"cancelled", "annulé"}},
    {"expired", {"expired", "expiré"}},
    {"proposed", {"proposed", "proposée"}},
    {"accepted", {"accepted by one side", "acceptée par une partie"}},
    {"committed", {"committed", "engagée"}},
    {"shipped", {"shipped", "expédiée"}},
    {"received", {"received", "reçue"}},
    {"declined", {"declined", "refusée"}},
    {"superseded", {"superseded", "remplacée"}},
    {"possible", {"possible", "possible"}},
    {"need_not_open", {"the need is not open", "le besoin n’est pas ouvert"}},
    {"offer_not_active", {"the offer is not active", "l’offre n’est pas active"}},
    {"other_product", {"it is another product", "c’est un autre produit"}},
    {"substitute_not_in_force",
     {"the substitute is not in force", "le produit de substitution n’est pas admis à cette date"}},
    {"no_capacity", {"the offer has nothing to give", "l’offre n’a rien à donner"}},
    {"lot_unreachable", {"it cannot make up a lot", "elle ne peut pas former un lot"}},
    {"excluded",
     {"the two parties are excluded", "les deux parties sont exclues l’une de l’autre"}},
    {"certificate_missing", {"a certificate is missing", "un certificat manque"}},
    {"certificate_revoked", {"the certificate is revoked", "le certificat est révoqué"}},
    {"certificate_expired", {"the certificate has expired", "le certificat a expiré"}},
    {"certificate_not_yet",
     {"the certificate is not valid yet", "le certificat n’est pas encore valable"}},
    {"too_late", {"it arrives too late", "l’arrivée est trop tardive"}},
    {"same_party", {"who asks is who gives", "le demandeur est aussi l’offreur"}},
    {"closed_by_party", {"a party gave the pair up", "une partie a renoncé à cette attribution"}},
    {"+need_not_open", {"the need is open", "le besoin est ouvert"}},
    {"+offer_not_active", {"the offer is active", "l’offre est active"}},
    {"+other_product",
     {"the product is the one asked for, or a substitute",
      "le produit est celui demandé, ou le remplace"}},
    {"+substitute_not_in_force",
     {"a substitute would be in force", "un produit de substitution serait admis à cette date"}},
    {"+no_capacity", {"the offer has something to give", "l’offre a de quoi donner"}},
    {"+lot_unreachable", {"a lot can be reached", "un lot est possible"}},
    {"+excluded",
     {"the two parties are not excluded", "les deux parties ne sont pas exclues l’une de l’autre"}},
    {"+certificate_missing",
     {"where a norm asks for a certificate, there is one",
      "si une norme exige un certificat, il y en a un"}},
    {"+certificate_revoked", {"none is revoked that is needed", "aucun qui compte n’est révoqué"}},
    {"+certificate_expired", {"it is still valid on the day", "il est encore valable ce jour-là"}},
    {"+certificate_not_yet", {"it is valid on the day already", "il est déjà valable ce jour-là"}},
    {"+too_late", {"it arrives in time", "l’arrivée est à temps"}},
    {"+same_party", {"who asks is not who gives", "le demandeur n’est pas l’offreur"}},
    {"+closed_by_party",
     {"no party gave the pair up", "aucune partie n’a renoncé à cette attribution"}},
};

static const char *const weekdays[LANGUAGE_COUNT][7] = {
    {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"},
    {"lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"},
};

static const char *const months[LANGUAGE_COUNT][12] = {
    {"January", "February", "March", "April", "May", "June", "July", "August", "September",
     "October", "November", "December"},
    {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
     "octobre", "novembre", "décembre"},
};

static struct bytes find_blank(const char *name, size_t size, const struct blank *blanks,
                               size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(blanks[i].name) == size && memcmp(blanks[i].name, name, size) == 0) {
            return blanks[i].text;
        }
    }
    UNREACHABLE();
}

void say_sentence(struct buffer *target, enum language language, enum sentence sentence,
                  const struct blank *blanks, size_t count)
{
    const char *at = sentence_text(language, sentence);

    for (const char *open = strchr(at, '{'); open != NULL; open = strchr(at, '{')) {
        const char *close = strchr(open, '}');
        ENSURE(close != NULL);
        buffer_append(target, at, (size_t)(open - at));
        struct bytes text = find_blank(open + 1, (size_t)(close - open - 1), blanks, count);
        buffer_append(target, text.data, text.size);
        at = close + 1;
    }
    buffer_append_text(target, at);
}

void say_number(struct buffer *target, enum language language, uint64_t number)
{
    struct buffer digits = {0};

    buffer_format(&digits, "%llu", (unsigned long long)number);
    for (size_t i = 0; i < digits.size; i++) {
        if (i > 0 && (digits.size - i) % 3 == 0) {
            buffer_append_text(target, language == LANGUAGE_FRENCH ? NNB : " ");
        }
        buffer_append(target, digits.data + i, 1);
    }
    buffer_deinit(&digits);
}

/* In French nothing is singular, in English plural. */
static bool is_singular(enum language language, uint64_t count)
{
    return count == 1 || (count == 0 && language == LANGUAGE_FRENCH);
}

void say_count(struct buffer *target, enum language language, enum sentence one, uint64_t count)
{
    struct buffer number = {0};
    enum sentence sentence = is_singular(language, count) ? one : (enum sentence)(one + 1);

    say_number(&number, language, count);
    say_sentence(target, language, sentence,
                 &(struct blank){.name = "count", .text = buffer_view(&number)}, 1);
    buffer_deinit(&number);
}

static int two_digits(const char *text)
{
    return (text[0] - '0') * 10 + (text[1] - '0');
}

void say_day(struct buffer *target, enum language language, int32_t day)
{
    char text[DAY_TEXT_SIZE + 1];

    day_to_text(day, text);
    int of_month = two_digits(text + 8);
    const char *ordinal = language == LANGUAGE_FRENCH && of_month == 1 ? "er" : "";
    buffer_format(target, "%s %d%s %s %.4s", weekdays[language][(day + 3) % 7], of_month, ordinal,
                  months[language][two_digits(text + 5) - 1], text);
}

void say_word(struct buffer *target, enum language language, struct bytes word)
{
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (bytes_equal(word, bytes_from_text(words[i].word))) {
            buffer_append_text(target, words[i].texts[language]);
            return;
        }
    }
    buffer_append(target, word.data, word.size);
}

const char *sentence_text(enum language language, enum sentence sentence)
{
    ENSURE(sentence < SENTENCE_COUNT);
    return sentences[sentence][language];
}

const char *word_text(enum language language, size_t index)
{
    return index < COUNT_OF(words) ? words[index].texts[language] : NULL;
}

bool language_from_text(const char *text, enum language *language)
{
    static const char *const names[LANGUAGE_COUNT] = {"en", "fr"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *language = (enum language)i;
            return true;
        }
    }
    return false;
}

enum language language_from_locale(const char *all, const char *messages, const char *lang)
{
    const char *const locales[] = {all, messages, lang};

    for (size_t i = 0; i < COUNT_OF(locales); i++) {
        if (locales[i] != NULL && locales[i][0] != '\0') {
            bool is_french = strncmp(locales[i], "fr", 2) == 0 &&
                             (locales[i][2] == '\0' || strchr("_.@", locales[i][2]) != NULL);
            return is_french ? LANGUAGE_FRENCH : LANGUAGE_ENGLISH;
        }
    }
    return LANGUAGE_ENGLISH;
}
