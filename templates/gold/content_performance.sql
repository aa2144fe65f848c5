-- Every title is here, watched or not: a title nobody watches is what this table should show.
WITH genres AS (
    SELECT g.content_id, STRING_AGG(g.genre, N', ') WITHIN GROUP (ORDER BY g.genre) AS genre
    FROM silver.content_genres AS g
    GROUP BY g.content_id
),
viewing AS (
    SELECT
        s.content_id,
        COUNT(*)                                                AS total_views,
        COUNT(DISTINCT s.user_id)                               AS unique_viewers,
        AVG(CAST(s.watch_duration_minutes AS decimal(9,2)))     AS avg_minutes,
        AVG(s.completion_percentage)                            AS avg_completion
    FROM silver.viewing_sessions AS s
    GROUP BY s.content_id
)
SELECT
    c.content_id                                                AS content_id,
    c.title                                                     AS title,
    CAST(g.genre AS nvarchar(400))                              AS genre,
    c.content_type                                              AS content_type,
    c.duration_minutes                                          AS duration_minutes,
    c.release_year                                              AS release_year,
    c.rating                                                    AS rating,
    c.production_budget                                         AS production_budget,
    CAST(COALESCE(v.total_views, 0) AS int)                     AS total_views,
    CAST(COALESCE(v.unique_viewers, 0) AS int)                  AS unique_viewers,
    CAST(v.avg_minutes AS decimal(9,3))                         AS avg_watch_time,
    CAST(v.avg_completion AS decimal(5,2))                      AS avg_completion_rate,
    -- Views times a million over the budget, in decimals: dividing the budget first would lose digits.
    CAST(CASE
        WHEN c.production_budget > 0
        THEN CAST(COALESCE(v.total_views, 0) AS decimal(19,2)) * 1000000 / CAST(c.production_budget AS decimal(19,0))
        ELSE 0
    END AS decimal(18,2))                                       AS views_per_million_budget,
    CAST(CASE
        WHEN c.rating >= 4.5 THEN N'Excellent'
        WHEN c.rating >= 4.0 THEN N'Very Good'
        WHEN c.rating >= 3.5 THEN N'Good'
        WHEN c.rating >= 3.0 THEN N'Average'
        ELSE N'Below Average'
    END AS nvarchar(20))                                        AS rating_category
FROM silver.content AS c
LEFT JOIN genres AS g ON g.content_id = c.content_id
LEFT JOIN viewing AS v ON v.content_id = c.content_id
