// Opens a page in headless Chromium and prints what it writes to its console, one line of JSON for each.
//
//   node page.js --chromium PATH (--html FILE | --url URL) [--expect-console N] [--timeout 30] [STEP]…
//
// Steps are done in the order given: --click SELECTOR, --fill SELECTOR=TEXT, --wait SELECTOR (until the element is
// visible), --gone SELECTOR (until there is none), --screenshot PNG.
//
// {"open":URL} comes when the page is loaded, {"type","text","args"} for each console line as it comes, and a line like
// {"clicked":SELECTOR} or {"seen":SELECTOR,"text":…} for each step when it is done. Ends with 0 when all of them are
// done and N console lines came, and with {"error":…} and 1 when the time is over or the page throws. Selectors are
// Playwright's: CSS, or text=….
"use strict";

const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { parseArgs } = require("node:util");
const { chromium } = require(`${process.env.RESTCAST_TEST_NODE}/playwright-core`);
const steps = require("./steps.js");

const { values: options, tokens } = parseArgs({
  tokens: true,
  options: {
    chromium: { type: "string" },
    html: { type: "string" },
    url: { type: "string" },
    "expect-console": { type: "string", default: "0" },
    ...steps.options,
    timeout: { type: "string", default: "30" },
  },
});
const expected = Number(options["expect-console"]);
const timeout = Number(options.timeout) * 1000;

const say = (line) => console.log(JSON.stringify(line));

// Resolves when the expected number of console lines was printed; rejects when the page throws.
function consoleLines(page) {
  let count = 0;
  let printed = Promise.resolve();
  return new Promise((resolve, reject) => {
    page.on("pageerror", reject);
    page.on("console", (message) => {
      // The arguments come one by one from the browser; the chain keeps the lines in order.
      printed = printed
        .then(() => Promise.all(message.args().map((argument) => argument.jsonValue())))
        .then((args) => {
          say({ type: message.type(), text: message.text(), args });
          if (++count === expected) resolve();
        })
        .catch(reject);
    });
    if (expected === 0) resolve();
  });
}

async function walk(page) {
  for (const { name, value } of tokens) {
    if (name in steps.STEPS) say(await steps.STEPS[name](page, value));
  }
}

async function visit(browser) {
  const page = await browser.newPage();
  page.setDefaultTimeout(timeout);
  const lines = consoleLines(page);
  const url = options.url ?? pathToFileURL(path.resolve(options.html)).href;
  await Promise.all([lines, page.goto(url).then(() => say({ open: url })).then(() => walk(page))]);
}

async function main() {
  const deadline = new Promise((_, reject) => {
    const expire = () => reject(new Error(`not done after ${options.timeout} s`));
    AbortSignal.timeout(timeout).addEventListener("abort", expire);
  });
  const browser = await chromium.launch({ executablePath: options.chromium });
  try {
    await Promise.race([visit(browser), deadline]);
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  say({ error: error.message });
  process.exitCode = 1;
});
