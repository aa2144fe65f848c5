-- The list's position is the season: OPENJSON counts from 0, people from 1.
SELECT
    CAST(TRIM(c.content_id) AS nvarchar(20))   AS content_id,
    CAST(e.[key] AS int) + 1                   AS season_number,
    -- A count that is no number becomes NULL, which the suite holds back; the other seasons stay.
    TRY_CAST(e.[value] AS int)                 AS episode_count
FROM bronze.content AS c
CROSS APPLY OPENJSON(c.episodes_per_season) AS e
WHERE c.content_type = N'series'
