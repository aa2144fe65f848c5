-- Titles with views are counted against the catalogue, so that this figure never exceeds the one beside it.
SELECT
    CAST(N'Platform Overview' AS nvarchar(40))      AS metric_category,
    CAST(u.active_users AS int)                     AS active_users_100h_plus,
    CAST(c.titles AS int)                           AS total_content_catalog,
    CAST(s.sessions AS int)                         AS total_viewing_sessions,
    CAST(u.avg_hours AS decimal(9,2))               AS avg_user_engagement_hours,
    CAST(v.titles AS int)                           AS content_with_views
FROM (SELECT COUNT(*) AS active_users, AVG(su.total_watch_time_hours) AS avg_hours FROM silver.users AS su) AS u
CROSS JOIN (SELECT COUNT(*) AS titles FROM silver.content AS sc) AS c
CROSS JOIN (SELECT COUNT(*) AS sessions FROM silver.viewing_sessions AS ss) AS s
CROSS JOIN (
    SELECT COUNT(DISTINCT vc.content_id) AS titles
    FROM silver.viewing_sessions AS vs
    INNER JOIN silver.content AS vc ON vc.content_id = vs.content_id
) AS v
