#!/usr/bin/env node
// A factory's adapter: reports what an offer can make a day.
//
//     node adapter.mjs --data DIR --offer ID --per-day UNITS [--number N]
//     sensor | node adapter.mjs --data DIR --offer ID        (one figure a line)
//
// From another machine, with a key that an admin registered:
//
//     node adapter.mjs --gateway tcp://HOST:PORT --key FILE --server-key KEY|FILE --offer ID ...
//
// Each report has a number, higher than the one before: a late one never overwrites a newer.
// Without --number it is the time in milliseconds, which rises over restarts too.
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { decode, encode } from "@msgpack/msgpack";
import { Dealer } from "zeromq";

const RESEND_MS = 5000;
const PATIENCE_MS = 60000;
const EXITS = { unknown: 66, full: 75, version: 76, denied: 77, conflict: 80 };
const USAGE = 64, DATA = 65, UNREACHABLE = 69, CONFIG = 78;

function fail(status, message) {
    console.error(`adapter: ${message}`);
    process.exit(status);
}

const unpack = (frame) => decode(frame, { useBigInt64: true });

// The result of this submission, or undefined when it does not come in time.
async function receiveResult(gateway, id) {
    const deadline = Date.now() + RESEND_MS;
    while (Date.now() < deadline) {
        gateway.receiveTimeout = Math.max(1, deadline - Date.now());
        let frames;
        try {
            frames = await gateway.receive();
        } catch (error) {
            if (error.code === "EAGAIN") {
                return undefined;
            }
            throw error;
        }
        const [header, body] = frames.map(unpack);
        if (header.t === "refused") { // The message as a whole.
            return { accepted: false, ...body };
        }
        const result = (body.results ?? []).find((one) => id.equals(one.id));
        if (result !== undefined) {
            return result;
        }
    }
    return undefined;
}

// Submits one command; gives its position. Asks again, with the same id, until answered.
async function submit(gateway, type, body) {
    const id = randomBytes(16); // The same id takes effect once, however often it is sent.
    const frames = [encode({ v: 1, t: "submit", id }), encode({ commands: [{ id, t: type, body }] })];
    const deadline = Date.now() + PATIENCE_MS;
    while (Date.now() < deadline) {
        await gateway.send(frames);
        const result = await receiveResult(gateway, id);
        if (result === undefined) {
            continue;
        }
        if (result.accepted) {
            return result.position;
        }
        if (result.code !== "full") {
            fail(EXITS[result.code] ?? DATA,
                `${result.code} ${result.field ?? ""}: ${result.why ?? ""}`);
        }
        await sleep(Math.min(Number(result.retry_after_ms ?? 1000), 5000));
    }
    return fail(UNREACHABLE, `no answer in ${PATIENCE_MS / 1000} s`);
}

function figure(text) {
    const number = Number(text);
    if (!/^[0-9]+$/.test(text.trim()) || !Number.isSafeInteger(number)) {
        fail(DATA, `a figure is a whole number, not ${text.trim()}`);
    }
    return number;
}

function readArguments() {
    const text = { type: "string" };
    try {
        const { values } = parseArgs({
            options: {
                data: text, offer: text, "per-day": text, number: text, gateway: text, key: text,
                "server-key": text,
            },
        });
        if ((values.data ?? values.gateway) === undefined || values.offer === undefined) {
            throw new Error("--data DIR or --gateway ENDPOINT, and --offer ID, are needed");
        }
        return values;
    } catch (error) {
        return fail(USAGE, error.message);
    }
}

// The lines "public KEY" and "secret KEY" of a key file; a public key may stand for itself.
function readKey(path) {
    if (!existsSync(path) && path.length === 40) {
        return { public: path };
    }
    const text = readFileSync(path, "utf8");
    if (text.includes("secret ") && (statSync(path).mode & 0o077) !== 0) {
        fail(CONFIG, `${path}: others may have read the secret; run chmod 600`);
    }
    return Object.fromEntries(text.trim().split("\n").filter((line) => !line.startsWith("#"))
        .map((line) => line.split(" ")));
}

function keyOptions(endpoint) {
    if (!endpoint.startsWith("tcp://")) {
        return {};
    }
    if (values.key === undefined || values["server-key"] === undefined) {
        fail(CONFIG, "a tcp endpoint needs --key and --server-key");
    }
    const key = readKey(values.key);
    return {
        curveServerKey: readKey(values["server-key"]).public,
        curvePublicKey: key.public,
        curveSecretKey: key.secret,
    };
}

const values = readArguments();
const endpoint = values.gateway ?? `ipc://${values.data}/run/gateway`;
const gateway = new Dealer({
    linger: 0, heartbeatInterval: 2000, heartbeatTimeout: 6000, ...keyOptions(endpoint),
});
gateway.connect(endpoint);
let number = values.number === undefined ? 0 : figure(values.number);
const texts = values["per-day"] === undefined
    ? createInterface({ input: process.stdin })
    : [values["per-day"]];
for await (const text of texts) {
    if (values.number === undefined) {
        number = Math.max(number + 1, Date.now());
    }
    const position = await submit(gateway, "capacity.put", {
        offer: values.offer, per_day: figure(text), source: "adapter", number,
    });
    console.log(`accepted ${position}`);
    number += 1;
}
gateway.close();
