-- A record that never knew trouble has no fields that say so: they would take memory.
local function is_troubled(failures, error) return (failures or '0') ~= '0' or (error or '') ~= '' end

local function without_all_clear(fields)
  local left = {}
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if not ((name == 'poll_failures' and value == '0') or (name == 'last_error' and value == '')) then
      left[#left + 1] = name
      left[#left + 1] = value
    end
  end
  return left
end
