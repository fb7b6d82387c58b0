/*
 * system.c - all roles under maillond, and what a benchmark asks of them.
 */
#include "tests/bench/support/system.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STOCK_FROM_DAY 0
#define LATITUDE_MIN 43000000 /* The middle of France, in micro-degrees. */
#define LONGITUDE_MIN (-1000000)
#define PLACE_SPAN 6000000

const char *const SYSTEM_ROLES[SYSTEM_ROLE_COUNT] = {"gateway", "match", "allocate", "dispatch"};

void system_start(struct system *system, const char *place, const char *const *arguments)
{
    snprintf(system->data, sizeof system->data, "%s/data", place);
    system->supervisor = bench_start(system->data, NULL, arguments);
    for (size_t i = 0; i < SYSTEM_ROLE_COUNT; i++) {
        bench_wait_live(system->data, SYSTEM_ROLES[i]);
    }
}

void system_stop(struct system *system)
{
    bench_stop(system->supervisor);
    bench_remove(system->data);
}

void system_connect(const struct system *system, const char *broker, struct dealer *dealer)
{
    char path[BENCH_PATH_SIZE + 32];

    snprintf(path, sizeof path, "%s/run/%s", system->data, broker);
    dealer_open(dealer, path);
}

/* True when the first argument of `process` is `role`. */
static bool is_role(pid_t process, const char *role)
{
    char path[64];
    char line[4096];

    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)process);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t size = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[size] = '\0';
    size_t name_size = strlen(line) + 1;
    return name_size < size && strcmp(line + name_size, role) == 0;
}

pid_t system_role(const struct system *system, const char *role)
{
    char path[64];
    int child = 0;
    pid_t found = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)system->supervisor,
             (int)system->supervisor);
    FILE *file = fopen(path, "re");
    ENSURE(file != NULL);
    while (found == 0 && fscanf(file, "%d", &child) == 1) {
        found = is_role(child, role) ? child : 0;
    }
    fclose(file);
    ENSURE(found != 0);
    return found;
}

static bool is_settled(const struct system *system)
{
    for (size_t i = 1; i < SYSTEM_ROLE_COUNT; i++) {
        if (bench_metric(system->data, SYSTEM_ROLES[i], "maillon_cursor_seq") <
            bench_metric(system->data, SYSTEM_ROLES[i - 1], "maillon_log_seq")) {
            return false;
        }
    }
    return true;
}

bool system_settle(const struct system *system, double seconds_max)
{
    uint64_t until = bench_nanos() + (uint64_t)(seconds_max * 1e9);

    while (!is_settled(system)) {
        if (bench_nanos() > until) {
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return true;
}

static int64_t spread(uint64_t seed)
{
    return (int64_t)(hash_u64(seed) % PLACE_SPAN);
}

static void fill_product(struct batch_submit *batch, const struct bench_world *world,
                         uint32_t number)
{
    char name[BENCH_NAME_SIZE];
    char offer[BENCH_NAME_SIZE];
    char party[BENCH_NAME_SIZE];
    struct product_put product = {.product = bench_product(number, name), .lot = 1};

    ENSURE(world->party_count > 0);
    batch_submit_add(batch, &PRODUCT_PUT, &product);
    for (uint32_t i = 0; i < world->offer_count; i++) {
        snprintf(offer, sizeof offer, "offer-%05u-%05u", number, i);
        uint64_t seed = (uint64_t)number << 32 | i;
        struct offer_put put = {
            .offer = bytes_from_text(offer),
            .party = bench_party((uint32_t)(hash_u64(seed) % world->party_count), party),
            .product = product.product,
            .offer_kind = OFFER_STOCK,
            .quantity = world->stock,
            .from = STOCK_FROM_DAY,
            .to = DAY_NONE,
            .at = TIME_NONE,
        };
        batch_submit_add(batch, &OFFER_PUT, &put);
    }
}

void system_fill(struct dealer *gateway, const struct bench_world *world)
{
    struct batch_submit batch = {.gateway = gateway};
    char name[BENCH_NAME_SIZE];

    for (uint32_t i = 0; i < world->party_count; i++) {
        struct party_put party = {
            .party = bench_party(i, name),
            .roles = ROLE_REQUESTER | ROLE_OFFERER,
            .country = bytes_from_text("FR"),
            .lat = LATITUDE_MIN + spread(2 * (uint64_t)i),
            .lon = LONGITUDE_MIN + spread(2 * (uint64_t)i + 1),
        };
        batch_submit_add(&batch, &PARTY_PUT, &party);
    }
    for (uint32_t i = 0; i < world->product_count; i++) {
        fill_product(&batch, world, i);
    }
    batch_submit_flush(&batch);
    batch_submit_deinit(&batch);
}

struct need_numbers world_need(const struct bench_world *world, uint64_t number)
{
    uint64_t hash = hash_u64(number);

    return (struct need_numbers){
        .number = number,
        .party = (uint32_t)(hash % world->party_count),
        .product = (uint32_t)(number % world->product_count),
        .quantity = (uint16_t)(256 + (hash >> 32) % 1000),
        .class_number = (uint8_t)(1 + (hash >> 20) % CLASS_COUNT),
    };
}

void submitter_open(struct submitter *submitter, const struct system *system,
                    const struct bench_world *world, uint64_t window)
{
    *submitter = (struct submitter){.world = world, .window = window};
    system_connect(system, "gateway", &submitter->dealer);
    need_template_init(&submitter->template);
}

void submitter_close(struct submitter *submitter)
{
    dealer_close(&submitter->dealer);
    need_template_deinit(&submitter->template);
}

static void send_needs(struct submitter *submitter, size_t count)
{
    uint8_t id[REQUEST_ID_SIZE] = {0};
    uint8_t header[SUBMIT_HEADER_SIZE_MAX];
    uint8_t front[SUBMIT_FRONT_SIZE_MAX];
    struct bytes front_bytes = submit_front(count, front);
    size_t size = submitter->template.bytes.size;

    store_u64(id + 8, count);
    uint8_t *body = dealer_put_room(&submitter->dealer, submit_header(id, header),
                                    front_bytes.size + count * size);
    memcpy(body, front_bytes.data, front_bytes.size);
    body += front_bytes.size;
    for (size_t i = 0; i < count; i++, body += size) {
        struct need_numbers numbers = world_need(submitter->world, submitter->sent++);
        need_write(&submitter->template, &numbers, body);
    }
}

static void take_answers(struct submitter *submitter)
{
    struct bytes header;
    struct bytes body;

    while (dealer_next(&submitter->dealer, &header, &body)) {
        ENSURE(header.size > REQUEST_ID_SIZE);
        submitter->acked += load_u64(header.data + header.size - 8);
    }
}

void submitter_turn(struct submitter *submitter, uint64_t limit)
{
    if (dealer_read(&submitter->dealer)) {
        take_answers(submitter);
    }
    while (submitter->sent < limit && submitter->sent - submitter->acked < submitter->window) {
        uint64_t room = submitter->window - (submitter->sent - submitter->acked);
        uint64_t left = limit - submitter->sent;
        send_needs(submitter, (size_t)min_u64(min_u64(room, left), COMMANDS_PER_SUBMIT_MAX));
    }
    dealer_flush(&submitter->dealer);
}
