{#- The device a user watches most on: most sessions, then most minutes, then the name, so that the answer
    never depends on the order rows are read in. -#}
{% macro favorite_device(sessions) -%}
SELECT ranked.user_id, ranked.device_type AS favorite_device
FROM (
    SELECT
        d.user_id,
        d.device_type,
        ROW_NUMBER() OVER (PARTITION BY d.user_id ORDER BY d.sessions DESC, d.minutes DESC, d.device_type) AS place
    FROM (
        SELECT
            s.user_id,
            s.device_type,
            COUNT(*) AS sessions,
            SUM(CAST(s.watch_duration_minutes AS bigint)) AS minutes
        FROM silver.{{ sessions | ident }} AS s
        GROUP BY s.user_id, s.device_type
    ) AS d
) AS ranked
WHERE ranked.place = 1
{%- endmacro %}
