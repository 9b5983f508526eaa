-- Those that V6 made for earlier users are resumed by the housekeeping some hundred at a time: none may be given up before it was asked for.
UPDATE registrations SET deadline_at = changed_at + interval '30 days' WHERE status = 'customer' AND version = 1;
