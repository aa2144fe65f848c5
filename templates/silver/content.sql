-- A series lasts as long as one of its episodes; its number of episodes comes from the seasons' lists.
-- release_year stays null where the source has none (every series): a made-up year would skew reports.
SELECT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    CAST(TRIM(c.title) AS nvarchar(200))       AS title,
    CAST(TRIM(c.content_type) AS nvarchar(10)) AS content_type,
    CASE WHEN c.content_type = N'series' THEN c.avg_episode_duration ELSE c.duration_minutes END AS duration_minutes,
    c.release_year                             AS release_year,
    CAST(CASE
        WHEN c.rating < 0 THEN 0
        WHEN c.rating > 5 THEN 5
        ELSE c.rating
    END AS decimal(3,2))                       AS rating,
    c.production_budget                        AS production_budget,
    c.seasons                                  AS seasons,
    e.total_episodes                           AS total_episodes
FROM bronze.content AS c
LEFT JOIN (
    SELECT se.content_id, CAST(SUM(se.episode_count) AS int) AS total_episodes
    FROM silver.series_episodes AS se
    GROUP BY se.content_id
) AS e ON e.content_id = c.content_id
