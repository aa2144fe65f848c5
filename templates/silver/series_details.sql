-- total_episodes is null, not 0, where the source lists no seasons: unknown is not none.
SELECT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    c.seasons                                  AS seasons,
    c.avg_episode_duration                     AS avg_episode_duration,
    c.total_views                              AS total_views,
    e.total_episodes                           AS total_episodes
FROM bronze.content AS c
LEFT JOIN (
    SELECT se.content_id, CAST(SUM(se.episode_count) AS int) AS total_episodes
    FROM silver.series_episodes AS se
    GROUP BY se.content_id
) AS e ON e.content_id = c.content_id
WHERE c.content_type = N'series'
