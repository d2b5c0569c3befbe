-- Items of one call that have nothing to do with each other: what one of them comes to says nothing about the others.

-- What the server refuses to everybody is the call's answer. Nothing was written by then; a disk that fails meanwhile may come
-- between two writes in older servers, and then what was begun is found begun.
local REFUSALS = { 'OOM ', 'MISCONF ', 'NOREPLICAS ', 'READONLY ' }

-- Has `one` carried out for each item, from ARGV[first] on; it is given where the item begins, and `size` where the next one does.
-- Returns what it answers for each, or `failed` and why.
local function each(first, size, one)
  local outcomes, at = {}, first
  while at <= #ARGV do
    local done, outcome = pcall(one, at)
    if not done then
      local text = type(outcome) == 'table' and outcome.err or tostring(outcome)
      for _, word in ipairs(REFUSALS) do
        local refusal = string.match(text, word .. '[^\r\n]*')
        if refusal then
          pcall(carry_out)
          return { err = refusal }
        end
      end
      outcome = 'failed ' .. text
    end
    outcomes[#outcomes + 1] = outcome .. told_moves()
    at = at + size(at)
  end
  carry_out()
  return outcomes
end
