-- Users and sessions are summed apart and joined after: joined first, a user would weigh as much as the
-- number of their sessions, and averages over users would be wrong.
WITH audience AS (
    SELECT
        u.country,
        COUNT(*)                            AS total_users,
        AVG(u.total_watch_time_hours)       AS avg_hours,
        AVG(CAST(u.age AS decimal(9,2)))    AS avg_age
    FROM silver.users AS u
    GROUP BY u.country
),
viewing AS (
    SELECT
        u.country,
        COUNT(*)                                                AS total_sessions,
        AVG(CAST(s.watch_duration_minutes AS decimal(9,2)))     AS avg_minutes,
        COUNT(DISTINCT s.content_id)                            AS unique_content
    FROM silver.viewing_sessions AS s
    INNER JOIN silver.users AS u ON u.user_id = s.user_id
    GROUP BY u.country
)
SELECT
    a.country                                       AS country,
    CAST(a.total_users AS int)                      AS total_users,
    CAST(a.avg_hours AS decimal(9,3))               AS avg_watch_hours_per_user,
    CAST(a.avg_age AS decimal(6,3))                 AS avg_user_age,
    CAST(COALESCE(v.total_sessions, 0) AS int)      AS total_sessions,
    CAST(v.avg_minutes AS decimal(9,3))             AS avg_session_duration,
    CAST(COALESCE(v.unique_content, 0) AS int)      AS unique_content_consumed
FROM audience AS a
LEFT JOIN viewing AS v ON v.country = a.country
