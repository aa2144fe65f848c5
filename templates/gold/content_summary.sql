-- A movie has no seasons and no episodes: null, not 0, so that averages over series stay right.
SELECT
    c.content_id                        AS content_id,
    c.title                             AS title,
    c.content_type                      AS type,
    c.release_year                      AS release_year,
    c.duration_minutes                  AS duration_minutes,
    c.seasons                           AS season_count,
    c.total_episodes                    AS episode_count,
    CAST(g.genres AS nvarchar(400))     AS genres
FROM silver.content AS c
LEFT JOIN (
    SELECT cg.content_id, STRING_AGG(cg.genre, N', ') WITHIN GROUP (ORDER BY cg.genre) AS genres
    FROM silver.content_genres AS cg
    GROUP BY cg.content_id
) AS g ON g.content_id = c.content_id
