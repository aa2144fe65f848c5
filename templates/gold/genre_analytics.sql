-- A title counts in each of its genres. Catalogue figures are over titles (each budget once), viewing
-- figures over sessions; they are summed apart so that views do not multiply budgets.
WITH catalogue AS (
    SELECT
        g.genre,
        COUNT(*)                                                AS total_items,
        AVG(CAST(c.production_budget AS decimal(19,2)))         AS avg_budget,
        SUM(c.production_budget)                                AS total_investment,
        AVG(c.rating)                                           AS avg_rating,
        AVG(CAST(c.duration_minutes AS decimal(9,2)))           AS avg_duration
    FROM silver.content_genres AS g
    INNER JOIN silver.content AS c ON c.content_id = g.content_id
    GROUP BY g.genre
),
viewing AS (
    SELECT
        g.genre,
        COUNT(*)                                                AS total_views,
        COUNT(DISTINCT s.user_id)                               AS unique_viewers,
        AVG(CAST(s.watch_duration_minutes AS decimal(9,2)))     AS avg_minutes
    FROM silver.viewing_sessions AS s
    INNER JOIN silver.content_genres AS g ON g.content_id = s.content_id
    GROUP BY g.genre
)
SELECT
    c.genre                                         AS genre,
    CAST(c.total_items AS int)                      AS total_content_items,
    CAST(COALESCE(v.total_views, 0) AS int)         AS total_views,
    CAST(COALESCE(v.unique_viewers, 0) AS int)      AS unique_viewers,
    CAST(c.avg_budget AS decimal(18,2))             AS avg_production_budget,
    CAST(c.total_investment AS bigint)              AS total_investment,
    CAST(c.avg_rating AS decimal(4,3))              AS avg_genre_rating,
    CAST(c.avg_duration AS decimal(9,3))            AS avg_content_duration,
    CAST(v.avg_minutes AS decimal(9,3))             AS avg_watch_time
FROM catalogue AS c
LEFT JOIN viewing AS v ON v.genre = c.genre
