-- Charges all of KEYS, or none.
--
-- ARGV holds five numbers for each key, all of them whole and below 2^53, where doubles are exact:
--   full    how much an empty bucket takes
--   rate    how much of it comes back in a microsecond: 1000 or 1
--   cost    what is to be taken out; below 0, what is given back of a lease
--   ahead   how much may be taken out beyond that, for a lease; when it is given back, at which
--           moment it was taken out
--   grain   a lease is a multiple of this
--
-- Answers 1 if all was charged, else 0, then the moment, then for each key how much of the bucket
-- is gone and how much of it went into the lease.
--
-- A bucket that was used is kept as four doubles: the moment, how much was gone then, and full and
-- rate as they were. So nothing is ever further away than the time in which a bucket fills,
-- whatever the clock does. A bucket without a key is full.

local call, floor, ceil = redis.call, math.floor, math.ceil
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local answer = { 1, now }
-- The keys that are written even if nothing is charged.
local changed = {}

for i = 1, #KEYS do
    local full = tonumber(ARGV[5 * i - 4])
    local gone = 0
    local kept = redis.pcall('GET', KEYS[i])
    if kept then
        local moment, before, of, rate
        if type(kept) == 'string' then
            if #kept == 32 then moment, before, of, rate = struct.unpack('<dddd', kept) end
        elseif not string.find(kept.err, 'WRONGTYPE', 1, true) then
            return kept
        end
        if (rate == 1000 or rate == 1) and moment >= 0 and before >= 0 and before <= of
            and of >= 1 and of <= 2 ^ 53 then
            if moment > now then
                -- The clock was set back: it has stood still since.
                gone, changed[i] = before, true
            else
                gone = math.max(0, before - (now - moment) * rate)
            end
            if of ~= full then
                -- The used fraction stays. Doubles err by less than two.
                if gone > 0 then gone = math.min(full, ceil(gone * (full / of)) + 2) end
                changed[i] = true
            end
        else
            -- Somebody else's. It is overwritten as an empty bucket, which fills bit by bit.
            gone, changed[i] = full, true
        end
    end
    if tonumber(ARGV[5 * i - 2]) > full - gone then answer[1] = 0 end
    answer[2 * i + 1] = gone
end

for i = 1, #KEYS do
    local full, rate = tonumber(ARGV[5 * i - 4]), tonumber(ARGV[5 * i - 3])
    local gone, leased, write = answer[2 * i + 1], 0, changed[i]
    if answer[1] == 1 then
        local cost, ahead = tonumber(ARGV[5 * i - 2]), tonumber(ARGV[5 * i - 1])
        if cost < 0 then
            -- What was taken out has come back by itself meanwhile, at least where there was
            -- nothing else to come back: so much must not be given back once more. Where the clock
            -- or the quota is another one now, nobody knows how much that is.
            if write then cost = 0 end
            cost = math.min(0, cost + math.max(0, now - ahead) * rate)
        elseif ahead > 0 then
            -- Of what is left never more than half: the emptier the bucket, the more exact it is.
            leased = math.min(ahead, floor((full - gone - cost) / 2))
            leased = leased - leased % tonumber(ARGV[5 * i])
        end
        if cost + leased ~= 0 then
            gone, write = math.max(0, gone + cost + leased), true
        end
    end
    if write then
        if gone > 0 then
            local state = struct.pack('<dddd', now, gone, full, rate)
            -- One millisecond more than it takes to fill: rounding must not empty it early.
            call('SET', KEYS[i], state, 'PX', ceil(gone / rate / 1000) + 1)
        else
            call('DEL', KEYS[i])
        end
    end
    answer[2 * i + 1] = gone
    answer[2 * i + 2] = leased
end
return answer
