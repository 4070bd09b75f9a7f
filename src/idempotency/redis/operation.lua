-- One step of the operation KEYS[1], by the verb ARGV[1].
--
--   begin    fingerprint, token, lease, keep   0 leased, 1 running, 2 kept and its answer, 3 reused
--   renew    token, lease                      1 if it was held, else 0
--   finish   token, keep, answer               1 if it is this token's, else 0
--   release  token                             0
--
-- Spans are microseconds. An operation is kept as one string: 32 bytes of fingerprint, 16 of token,
-- the ends of its lease and of all in microseconds of this clock, 16 digits each, and once it has
-- one an `a` and its answer. Its key expires at its end.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local verb = ARGV[1]

local known = redis.call('GET', KEYS[1])
if known and #known < 80 then
    return redis.error_reply('ERR no operation')
end
local ends = known and tonumber(string.sub(known, 65, 80))
-- The key may outlive its end by less than a millisecond.
if known and ends <= now then
    known = false
end

local function keep(fingerprint, token, lease, over, answer)
    local value = fingerprint .. token .. string.format('%016.0f%016.0f', lease, over) .. answer
    redis.call('SET', KEYS[1], value, 'PX', math.max(1, math.ceil((over - now) / 1000)))
end

if verb == 'begin' then
    local fingerprint, token = ARGV[2], ARGV[3]
    if known and string.sub(known, 1, 32) ~= fingerprint then
        return {3}
    end
    if known and #known > 80 then
        return {2, string.sub(known, 82)}
    end
    -- One that was sent twice, as its answer was lost, is the same one.
    local mine = known and string.sub(known, 33, 48) == token
    if known and not mine and tonumber(string.sub(known, 49, 64)) > now then
        return {1}
    end
    keep(fingerprint, token, now + ARGV[4], now + ARGV[5], '')
    return {0}
end

if not known or string.sub(known, 33, 48) ~= ARGV[2] then
    return {0}
end
if verb == 'finish' then
    -- The first answer stays.
    if #known == 80 then
        keep(string.sub(known, 1, 32), ARGV[2], now, now + ARGV[3], 'a' .. ARGV[4])
    end
    return {1}
end
if #known > 80 then
    return {0}
end
if verb == 'renew' then
    local lease = now + ARGV[3]
    keep(string.sub(known, 1, 32), ARGV[2], lease, math.max(ends, lease), '')
    return {1}
end
redis.call('DEL', KEYS[1])
return {0}
