-- The wrk script: sends one prepared request per token in turn; POST gives each application its own name. Prints one line of JSON at the end.
local path, file, method, prefix, cache_control
local requests, index, created = {}, 0, 0
local threads = 0

function setup(thread)
   thread:set("number", threads)
   threads = threads + 1
end

function init(arguments)
   method, path, file, prefix, cache_control = arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]
   for token in io.lines(file) do
      local headers = { ["Authorization"] = "Bearer " .. token, ["Host"] = "localhost" }
      if cache_control and cache_control ~= "" then
         headers["Cache-Control"] = cache_control
      end
      if method == "POST" then
         headers["Content-Type"] = "application/json"
         requests[#requests + 1] = headers
      else
         requests[#requests + 1] = wrk.format(method, path, headers)
      end
   end
   index = math.floor(#requests * number / 7)
end

function request()
   index = index % #requests + 1
   if method ~= "POST" then
      return requests[index]
   end
   created = created + 1
   local name = string.format("%s-%d-%x", prefix, number, created)
   return wrk.format(method, path, requests[index], string.format('{"name":"%s","repository":"https://example.com/%s.git"}', name, name))
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      '{"requests":%d,"seconds":%.6f,"p50":%.3f,"p95":%.3f,"p99":%.3f,"refused":%d,"broken":%d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
