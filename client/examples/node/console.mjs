#!/usr/bin/env node
// Follow assignments: one JSON line an event.
//
//     node console.mjs --data DIR [--party ID] [--cursor FILE] [--until-idle]
//
// From another machine, with a key that an admin registered for the party:
//
//     node console.mjs --dispatch tcp://HOST:PORT --key FILE --server-key KEY|FILE --party ID
//
// The position of the last event printed is kept in FILE ("console.cursor"), so the next start goes
// on behind it. --until-idle ends when everything there is has been printed.
import { randomBytes } from "node:crypto";
import {
    existsSync, readFileSync, renameSync, statSync, writeFileSync, writeSync,
} from "node:fs";
import { parseArgs } from "node:util";

import { decode, encode } from "@msgpack/msgpack";
import { Dealer } from "zeromq";

const CREDIT = 1024; // Events that may be on their way.
const SILENCE_MS = 15000; // Three heads missed.
const EXITS = { unknown: 66, full: 75, version: 76, denied: 77, conflict: 80 };
const USAGE = 64, DATA = 65, CONFIG = 78, GAP = 81;

function fail(status, message) {
    console.error(`console: ${message}`);
    process.exit(status);
}

function readArguments() {
    try {
        const { values } = parseArgs({
            options: {
                data: { type: "string" },
                dispatch: { type: "string" },
                party: { type: "string" },
                key: { type: "string" },
                "server-key": { type: "string" },
                cursor: { type: "string", default: "console.cursor" },
                "until-idle": { type: "boolean" },
            },
        });
        if ((values.data ?? values.dispatch) === undefined) {
            throw new Error("--data DIR or --dispatch ENDPOINT is needed");
        }
        return values;
    } catch (error) {
        return fail(USAGE, error.message);
    }
}

const pack = (body) => encode(body, { useBigInt64: true });
const unpack = (frame) => decode(frame, { useBigInt64: true });

// Bytes as hexadecimal text; whole numbers as numbers, as text where JavaScript would round them.
function plain(_key, value) {
    if (value instanceof Uint8Array) {
        return Buffer.from(value).toString("hex");
    }
    if (typeof value === "bigint") {
        return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    }
    return value;
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
const endpoint = values.dispatch ?? `ipc://${values.data}/run/dispatch`;
const party = values.party === undefined ? {} : { party: values.party };
let seq = existsSync(values.cursor) ? BigInt(readFileSync(values.cursor, "utf8").trim()) : 0n;
const dispatch = new Dealer({
    linger: 0,
    immediate: true, // Nothing piles up for a dispatcher that is away.
    heartbeatInterval: 2000,
    heartbeatTimeout: 6000,
    receiveTimeout: SILENCE_MS,
    sendTimeout: 0,
    ...keyOptions(endpoint),
});

// One message at a time. What cannot be sent is lost with its connection; the next one subscribes.
let sending = Promise.resolve();
function tell(type, body) {
    const frames = [encode({ v: 1, t: type, id: randomBytes(16) }), pack(body)];
    sending = sending.then(() => dispatch.send(frames)).catch(() => {});
}

// The smallest form of a whole number, for the dispatcher takes no other.
const whole = (number) => (number <= Number.MAX_SAFE_INTEGER ? Number(number) : number);
const subscribe = () => tell("subscribe", { after: whole(seq), credit: CREDIT, ...party });

function storeCursor() {
    writeFileSync(`${values.cursor}.new`, `${seq}\n`);
    renameSync(`${values.cursor}.new`, values.cursor); // Old or new, never half of one.
}

function takeEvents(events) {
    for (const event of events) {
        const position = BigInt(event.seq);
        if (position > seq) { // Else it is a double.
            writeSync(1, `${JSON.stringify(event, plain)}\n`);
            seq = position;
        }
    }
    storeCursor(); // Printed first: what a crash cuts short is printed again.
    tell("credit", { n: events.length, ack: whole(seq) });
}

async function receive() {
    try {
        return (await dispatch.receive()).map(unpack);
    } catch (error) {
        if (error.code !== "EAGAIN") {
            throw error;
        }
        return undefined; // Silence.
    }
}

// Every connection needs its subscription, the first and those after a break.
dispatch.events.on("handshake", subscribe);
dispatch.connect(endpoint);
for (;;) {
    const message = await receive();
    if (message === undefined) {
        subscribe();
        continue;
    }
    const [header, body] = message;
    if (header.t === "event") {
        takeEvents(body.events);
    } else if (header.t === "head" && values["until-idle"]) {
        process.exit(0);
    } else if (header.t === "reset") {
        fail(GAP, `events before ${body.oldest ?? 0} are no longer kept`);
    } else if (header.t === "refused" && body.code !== "full") {
        fail(EXITS[body.code] ?? DATA, body.why ?? body.code);
    }
}
