// The requests that PostgREST's own JavaScript client makes: reads lists of calls, one JSON document on each line, such as
// [["select","*"],["eq","a",5]], and prints the query of each one's URL, percent-decoded, as a JSON list of its parts.
"use strict";

const { PostgrestClient } = require(`${process.env.RESTCAST_TEST_NODE}/@supabase/postgrest-js`);
const { createInterface } = require("node:readline");

let asked;
const fetch = async (url) => {
  asked = new URL(url);
  return new Response("[]", { headers: { "Content-Type": "application/json" } });
};
const client = new PostgrestClient("http://postgrest.invalid", { fetch });

(async () => {
  for await (const line of createInterface({ input: process.stdin })) {
    let query = client.from("users");
    for (const [method, ...values] of JSON.parse(line)) query = query[method](...values);
    await query;
    console.log(JSON.stringify([...asked.searchParams].map(([name, value]) => `${name}=${value}`)));
  }
})();
