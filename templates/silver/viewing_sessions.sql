-- user_id is the key of silver.users, so the join keeps or drops a session and never doubles one.
SELECT
    s.session_id,
    s.user_id,
    s.content_id,
    s.watch_date,
    s.watch_duration_minutes,
    s.completion_percentage,
    s.device_type,
    s.quality_level
FROM silver.all_viewing_sessions AS s
INNER JOIN silver.users AS u ON u.user_id = s.user_id
