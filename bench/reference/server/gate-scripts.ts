import { type CommandParser, defineScript } from "@redis/client";

/**
 * Finds the account of a key and passes its gates: requests and tokens in sliding windows of a minute (two fixed ones,
 * the older weighted), and requests in flight. One round trip, and atomic in Redis.
 */
export const admit = defineScript({
  NUMBER_OF_KEYS: 1,
  SCRIPT: `
local key = redis.call('HMGET', KEYS[1], 'account', 'requests', 'tokens', 'in_flight')
local account = key[1]
if not account then return {'unknown_key'} end
local now, request, tokens, ceiling = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local minute = math.floor(now / 60000)
local older = 1 - (now % 60000) / 60000
local function meter(name, at) return name .. ':' .. account .. ':' .. at end
local function used(name)
  local counts = redis.call('MGET', meter(name, minute), meter(name, minute - 1))
  return tonumber(counts[1] or 0) + tonumber(counts[2] or 0) * older
end
local flights = 'in_flight:' .. account
redis.call('ZREMRANGEBYSCORE', flights, '-inf', now)
if redis.call('ZCARD', flights) >= tonumber(key[4]) then return {'gate'} end
if used('requests') + 1 > tonumber(key[2]) then return {'gate'} end
if used('tokens') + tokens > tonumber(key[3]) then return {'gate'} end
if ceiling > 0 and tonumber(redis.call('GET', 'balance:' .. account) or 0) < ceiling then return {'no_credits'} end
redis.call('INCR', meter('requests', minute))
redis.call('EXPIRE', meter('requests', minute), 120)
redis.call('INCRBY', meter('tokens', minute), tokens)
redis.call('EXPIRE', meter('tokens', minute), 120)
redis.call('ZADD', flights, now + 900000, request)
return {'admitted', account, tostring(minute)}`,
  parseCommand(
    parser: CommandParser,
    keyHash: string,
    now: number,
    requestId: string,
    tokens: number,
    ceiling: number,
  ) {
    parser.pushKey(`key:${keyHash}`);
    parser.push(String(now), requestId, String(tokens), String(ceiling));
  },
  transformReply: (reply: readonly string[]) => reply,
});

/** Books what a request really used, in the window in which it was admitted, and what it was charged. */
export const finish = defineScript({
  NUMBER_OF_KEYS: 1,
  SCRIPT: `
local account, minute = ARGV[1], ARGV[2]
redis.call('ZREM', KEYS[1], ARGV[3])
redis.call('INCRBY', 'tokens:' .. account .. ':' .. minute, ARGV[4])
redis.call('EXPIRE', 'tokens:' .. account .. ':' .. minute, 120)
if ARGV[5] ~= '0' then redis.call('DECRBY', 'balance:' .. account, ARGV[5]) end
return 0`,
  parseCommand(
    parser: CommandParser,
    account: string,
    minute: string,
    requestId: string,
    tokens: number,
    charged: number,
  ) {
    parser.pushKey(`in_flight:${account}`);
    parser.push(account, minute, requestId, String(tokens), String(charged));
  },
  transformReply: (reply: number) => reply,
});
