-- DISTINCT because a title that lists a genre twice still has it once.
SELECT DISTINCT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    CAST(TRIM(g.genre) AS nvarchar(40))        AS genre
FROM bronze.content AS c
CROSS APPLY OPENJSON(c.genre) WITH (genre nvarchar(40) '$') AS g
