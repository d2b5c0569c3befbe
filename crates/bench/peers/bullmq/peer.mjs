// The lifecycle on BullMQ, as its documentation has it for jobs of several steps: one job, that submits, keeps the
// generation's id in its data, and moves itself to delayed until the next look.
//
//   node peer.mjs work              a worker; says "ready"
//   node peer.mjs enqueue FILE      a job for each line of FILE; says "done"
//
// REDIS_URL, GAMMA_URL, INTERVAL_MS, CONCURRENCY come from the environment.

import { readFileSync } from 'node:fs';
import http from 'node:http';
import { DelayedError, Queue, Worker } from 'bullmq';
import Redis from 'ioredis';

const { REDIS_URL, GAMMA_URL, INTERVAL_MS, CONCURRENCY } = process.env;
const QUEUE = 'generations';

function connect() {
  return new Redis(REDIS_URL, { maxRetriesPerRequest: null });
}

async function enqueue(file) {
  const queue = new Queue(QUEUE, { connection: connect() });
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  for (let first = 0; first < lines.length; first += 500) {
    const jobs = lines.slice(first, first + 500).map((request) => ({ name: 'generation', data: { request } }));
    await queue.addBulk(jobs);
  }
  console.log('done');
  process.exit(0);
}

const { hostname, port } = new URL(GAMMA_URL ?? 'http://127.0.0.1');
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(CONCURRENCY), noDelay: true });

// The agent of node:http costs less than fetch does.
function ask(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'x-api-key': 'sk-gamma-bench', accept: 'application/json' };
    if (body) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = Buffer.byteLength(body);
    }
    const request = http.request({ hostname, port, method, path, headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        try {
          resolve(JSON.parse(Buffer.concat(chunks)));
        } catch (error) {
          reject(error);
        }
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function step(job, token) {
  const { request, generationId } = job.data;
  if (!generationId) {
    const answer = await ask('POST', '/v1.0/generations', request);
    // The request has been sent: what stays is the id.
    await job.updateData({ generationId: answer.generationId });
  } else {
    const answer = await ask('GET', `/v1.0/generations/${generationId}`);
    if (answer.status !== 'pending') return answer;
  }
  await job.moveToDelayed(Date.now() + Number(INTERVAL_MS), token);
  throw new DelayedError();
}

async function work() {
  const worker = new Worker(QUEUE, step, { connection: connect(), concurrency: Number(CONCURRENCY) });
  worker.on('error', (error) => console.error(error.message));
  worker.on('failed', (_, error) => console.error('failed:', error.message));
  await worker.waitUntilReady();
  console.log('ready');
}

const [command, file] = process.argv.slice(2);
await (command === 'enqueue' ? enqueue(file) : work());
