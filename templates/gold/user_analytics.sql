{% import 'macros/favorite_device.sql' as devices -%}
-- LEFT JOINs keep an active user without a session: zero sessions and minutes, but no average of nothing.
WITH viewing AS (
    SELECT
        s.user_id,
        COUNT(*)                                                AS total_sessions,
        SUM(CAST(s.watch_duration_minutes AS bigint))           AS total_minutes,
        AVG(CAST(s.watch_duration_minutes AS decimal(9,2)))     AS avg_minutes,
        AVG(s.completion_percentage)                            AS avg_completion,
        COUNT(DISTINCT s.content_id)                            AS unique_content,
        MAX(s.watch_date)                                       AS last_activity
    FROM silver.viewing_sessions AS s
    GROUP BY s.user_id
),
favorite AS (
{{ devices.favorite_device('viewing_sessions') }}
)
SELECT
    u.user_id                                                   AS user_id,
    u.age                                                       AS age,
    u.country                                                   AS country,
    u.signup_date                                               AS signup_date,
    u.total_watch_time_hours                                    AS total_watch_time_hours,
    CAST(COALESCE(v.total_sessions, 0) AS int)                  AS total_sessions,
    CAST(v.avg_minutes AS decimal(9,3))                         AS avg_session_duration,
    CAST(COALESCE(v.total_minutes, 0) AS bigint)                AS total_minutes_watched,
    CAST(COALESCE(v.unique_content, 0) AS int)                  AS unique_content_watched,
    CAST(CASE
        WHEN u.total_watch_time_hours >= 500 THEN N'Power User'
        WHEN u.total_watch_time_hours >= 300 THEN N'Heavy User'
        WHEN u.total_watch_time_hours >= 150 THEN N'Regular User'
        ELSE N'Light User'
    END AS nvarchar(20))                                        AS user_segment,
    -- As of the run's logical date, so that a rerun of an old day gives that day's figures.
    DATEDIFF(DAY, u.signup_date, {{ logical_date | literal }})  AS days_since_signup,
    u.subscription_type                                         AS subscription_type,
    CAST(v.avg_completion AS decimal(5,2))                      AS avg_completion_percentage,
    f.favorite_device                                           AS favorite_device,
    v.last_activity                                             AS last_activity
FROM silver.users AS u
LEFT JOIN viewing AS v ON v.user_id = u.user_id
LEFT JOIN favorite AS f ON f.user_id = u.user_id
