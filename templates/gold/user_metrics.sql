{% import 'macros/favorite_device.sql' as devices -%}
-- Every valid user, active or not, and those who never watched: zero sessions, no average, no device.
WITH viewing AS (
    SELECT
        s.user_id,
        COUNT(*)                                        AS total_sessions,
        SUM(CAST(s.watch_duration_minutes AS bigint))   AS total_minutes,
        AVG(s.completion_percentage)                    AS avg_completion,
        MAX(s.watch_date)                               AS last_activity
    FROM silver.all_viewing_sessions AS s
    GROUP BY s.user_id
),
favorite AS (
{{ devices.favorite_device('all_viewing_sessions') }}
)
SELECT
    u.user_id                                       AS user_id,
    CAST(COALESCE(v.total_sessions, 0) AS int)      AS total_sessions,
    CAST(COALESCE(v.total_minutes, 0) AS bigint)    AS total_minutes,
    CAST(v.avg_completion AS decimal(5,2))          AS avg_completion,
    f.favorite_device                               AS favorite_device,
    v.last_activity                                 AS last_activity
FROM silver.all_users AS u
LEFT JOIN viewing AS v ON v.user_id = u.user_id
LEFT JOIN favorite AS f ON f.user_id = u.user_id
