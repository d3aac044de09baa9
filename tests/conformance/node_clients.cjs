/*
 * node-easywechat and @wecom/crypto on a leash: one JSON command a line on stdin, one JSON answer a line on stdout.
 *
 * The clients do all of the platform's work (token, query, encoding, multipart, signature, decryption); this file only
 * hands over what the test wants and what the client gave back. Arguments: base address, corp id, secret, callback
 * token, EncodingAESKey, folder for the client's own token cache.
 */
'use strict';

const fs = require('fs');
const readline = require('readline');
// The package's main module asks for a file that node-socialite 1.5 no longer has; the application itself does not.
const Work = require('node-easywechat/dist/Work/Application');
const ServerRequest = require('node-easywechat/dist/Core/Http/ServerRequest');
const crypto = require('@wecom/crypto');

const [base, corpId, secret, token, aesKey, cache] = process.argv.slice(2);

function application(appSecret) {
  return new Work({
    corp_id: corpId, secret: appSecret, token, aes_key: aesKey,
    http: { baseURL: base }, file_cache: { path: `${cache}/` },
  });
}

const app = application(secret);
const client = app.getClient();

const commands = {
  versions: async () => ({
    node: process.versions.node,
    easywechat: version('node-easywechat'),
    crypto: version('@wecom/crypto'),
  }),
  token: async () => ({ token: await app.getAccessToken().getToken() }),
  refresh: async () => ({ token: await app.getAccessToken().refresh() }),
  wrongSecret: async () => {
    try {
      return { token: await application('wrong').getAccessToken().refresh() };
    } catch (error) {
      return { problem: error.message };
    }
  },
  get: async ({ path, query }) => (await client.get(`cgi-bin/${path}`, { params: query })).toObject(),
  post: async ({ path, body }) => (await client.postJson(`cgi-bin/${path}`, body)).toObject(),
  upload: async ({ kind, file }) =>
    (await client.withFile(file, 'media').post('cgi-bin/media/upload', { params: { type: kind } })).toObject(),
  serve: async ({ url, body }) => {
    const server = application(secret).setRequest(new ServerRequest('POST', url, {}, body)).getServer();
    const seen = [];
    server.with(async (message, next) => { seen.push(message.attributes); return next(message); });
    const answer = await server.serve();
    return { status: answer.getStatusCode(), message: seen[0] };
  },
  decrypt: async ({ query, encrypted }) => ({
    signature: crypto.getSignature(token, query.timestamp, query.nonce, encrypted),
    ...plain(crypto.decrypt(aesKey, encrypted)),
  }),
  encrypt: async ({ message, random }) => ({
    encrypted: crypto.encrypt(aesKey, message, corpId, Buffer.from(random)),
  }),
};

function plain({ message, id }) {
  return { message, id };
}

function version(name) {
  const folder = require.resolve(name === '@wecom/crypto' ? name : `${name}/dist/Work/Application`).split(`/${name}/`)[0];
  return JSON.parse(fs.readFileSync(`${folder}/${name}/package.json`)).version;
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { command, ...about } = JSON.parse(line);
    let answer;
    try {
      answer = { answer: await commands[command](about) };
    } catch (error) {
      answer = { error: String(error.stack || error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

main();
