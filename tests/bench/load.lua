-- The wrk script: sends one prepared request per token in turn; POST gives each application its own name. Prints one line of JSON at the end.
-- MIXED sends 70 % GET of `path` and 30 % POST of applications.
local path, file, method, prefix, cache_control
local requests, posts, count, index, created = {}, {}, 0, 0, 0
local threads = 0
local WRITES = { [2] = true, [5] = true, [9] = true }
local APPLICATIONS = "/v1/apps"

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
      if method ~= "POST" then
         requests[#requests + 1] = wrk.format(method == "MIXED" and "GET" or method, path, headers)
      end
      if method ~= "GET" then
         local post = { ["Content-Type"] = "application/json" }
         for name, value in pairs(headers) do
            post[name] = value
         end
         posts[#posts + 1] = post
      end
   end
   count = math.max(#requests, #posts)
   index = math.floor(count * number / 7)
end

function request()
   index = index % count + 1
   if method == "GET" or (method == "MIXED" and not WRITES[index % 10]) then
      return requests[index]
   end
   created = created + 1
   local name = string.format("%s-%d-%x", prefix, number, created)
   return wrk.format("POST", APPLICATIONS, posts[index], string.format('{"name":"%s","repository":"https://example.com/%s.git"}', name, name))
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      '{"requests":%d,"seconds":%.6f,"p50":%.3f,"p95":%.3f,"p99":%.3f,"refused":%d,"broken":%d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
