-- RANK, not ROW_NUMBER: titles with the same sessions share a place, and a tie at the fifth place keeps
-- them all.
SELECT
    r.country                           AS country,
    CAST(r.content_rank AS int)         AS content_rank,
    r.content_id                        AS content_id,
    c.title                             AS title,
    CAST(r.total_sessions AS int)       AS total_sessions
FROM (
    SELECT
        t.country,
        t.content_id,
        t.total_sessions,
        RANK() OVER (PARTITION BY t.country ORDER BY t.total_sessions DESC) AS content_rank
    FROM (
        SELECT u.country, s.content_id, COUNT(*) AS total_sessions
        FROM silver.all_viewing_sessions AS s
        INNER JOIN silver.all_users AS u ON u.user_id = s.user_id
        GROUP BY u.country, s.content_id
    ) AS t
) AS r
INNER JOIN silver.content AS c ON c.content_id = r.content_id
WHERE r.content_rank <= 5
