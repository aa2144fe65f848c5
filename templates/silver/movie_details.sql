SELECT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    c.duration_minutes                         AS duration_minutes,
    c.release_year                             AS release_year,
    c.views_count                              AS views_count
FROM bronze.content AS c
WHERE c.content_type = N'movie'
